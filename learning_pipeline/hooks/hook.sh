#!/bin/sh
# learning-pipeline hook v1. Writes down what git did, as one line of JSON. It never fails, and never holds git up.
# `learning-pipeline hooks uninstall` takes it away.
lp_spool=@SPOOL@
lp_chain=@CHAIN@

lp_name=${0##*/}
lp_status=0
lp_input=

# What was here before runs first, with the same arguments, input and exit status.
case $lp_chain in
:beside) lp_before=${0%/*}/before-learning-pipeline/$lp_name ;;
:repository) lp_before=$(git rev-parse --git-common-dir 2>/dev/null)/hooks/$lp_name ;;
*) lp_before=$lp_chain/$lp_name ;;
esac
[ -f "$lp_before" ] && [ -x "$lp_before" ] || lp_before=
# What was here before may be this script too, installed for one repository and for all of them: one of them tells.
lp_outer=${LEARNING_PIPELINE_HOOK:-}
LEARNING_PIPELINE_HOOK=$lp_name:$PWD
export LEARNING_PIPELINE_HOOK
case $lp_name in
post-commit | post-merge | post-checkout)
    [ -z "$lp_before" ] || "$lp_before" "$@" || lp_status=$?
    ;;
post-rewrite | pre-push)
    lp_input=$(cat && echo x)
    lp_input=${lp_input%x}
    [ -z "$lp_before" ] || printf %s "$lp_input" | "$lp_before" "$@" || lp_status=$?
    # A push that the hook forbids does not happen.
    [ "$lp_name $lp_status" = "pre-push 0" ] || [ "$lp_name" = post-rewrite ] || exit "$lp_status"
    ;;
*)
    # Not one of ours, but git looks for it here.
    [ -z "$lp_before" ] || exec "$lp_before" "$@"
    exit 0
    ;;
esac

[ "$lp_outer" != "$LEARNING_PIPELINE_HOOK" ] || exit "$lp_status"
trap 'exit "$lp_status"' EXIT
exec </dev/null >/dev/null 2>&1
# SIGXFSZ: where files may not grow any more, writing fails, and the hook goes on.
trap '' 25
LC_ALL=C GIT_OPTIONAL_LOCKS=0 GIT_NO_LAZY_FETCH=1
export LC_ALL GIT_OPTIONAL_LOCKS GIT_NO_LAZY_FETCH
set -f
umask 077

# Set lp_out to the text as a JSON string; null when it is empty.
lp_json() {
    case $1 in
    '') lp_out=null ;;
    *[!\ -~]* | *\"* | *\\*) lp_escape "$1" ;;
    *) lp_out=\"$1\" ;;
    esac
}

lp_escape() {
    lp_rest=$1 lp_out=
    case $lp_rest in
    *[!\ -~]*)
        # Bytes that are not UTF-8 cannot stand in JSON.
        if ! printf %s "$lp_rest" | iconv -f UTF-8 -t UTF-8; then
            lp_rest=$(printf %sx "$lp_rest" | tr '\200-\377' '[?*]')
            lp_rest=${lp_rest%x}
        fi
        ;;
    esac
    while [ -n "$lp_rest" ]; do
        lp_tail=${lp_rest#?}
        lp_char=${lp_rest%"$lp_tail"}
        case $lp_char in
        \" | \\) lp_out=$lp_out\\$lp_char ;;
        [[:cntrl:]]) lp_out=$lp_out$(printf '\\u%04x' "'$lp_char") ;;
        *) lp_out=$lp_out$lp_char ;;
        esac
        lp_rest=$lp_tail
    done
    lp_out=\"$lp_out\"
}

# Set lp_hash to the hash that stands for the author's mail address.
lp_author() {
    lp_mail=$1 lp_hash=
    case $lp_mail in *[A-Z]*) lp_mail=$(printf %s "$lp_mail" | tr A-Z a-z) ;; esac
    if command -v sha256sum; then
        lp_hash=$(printf %s "$lp_mail" | sha256sum)
    elif command -v shasum; then
        lp_hash=$(printf %s "$lp_mail" | shasum -a 256)
    elif command -v openssl; then
        lp_hash=$(printf %s "$lp_mail" | openssl dgst -sha256 -r)
    fi
    lp_hash=${lp_hash%"${lp_hash#????????????????}"}
}

# Set what is known of the commit HEAD.
lp_commit_facts() {
    lp_facts=$(git -c log.showRoot=true log -1 --no-show-signature --no-color --no-notes --no-decorate --no-mailmap \
        --no-ext-diff --no-textconv -m --first-parent -M --shortstat --format='%H%n%P%n%ae' HEAD --)
    {
        read -r lp_commit
        read -r lp_parents
        read -r lp_mail
        read -r lp_stat
        read -r lp_stat
    } <<EOF
$lp_facts
EOF
    lp_author "$lp_mail"
    lp_files=0 lp_added=0 lp_removed=0 lp_number=
    for lp_word in $lp_stat; do
        case $lp_word in
        file*) lp_files=$lp_number ;;
        insertion*) lp_added=$lp_number ;;
        deletion*) lp_removed=$lp_number ;;
        *) lp_number=$lp_word ;;
        esac
    done
}

# Add a line for an event: its name, branch and commit, and more fields as JSON.
lp_line() {
    lp_json "$2" && lp_branch_json=$lp_out
    lp_json "$3" && lp_commit_json=$lp_out
    lp_json "$lp_hash" && lp_hash_json=$lp_out
    lp_list=
    for lp_parent in $lp_parents; do lp_list=$lp_list,\"$lp_parent\"; done
    lp_lines="$lp_lines{\"v\":1,\"event\":\"$1\",\"occurred_at\":\"$lp_now\",\"repository\":$lp_repository_json,\
\"worktree\":$lp_worktree_json,\"branch\":$lp_branch_json,\"commit\":$lp_commit_json,\"parents\":[${lp_list#,}],\
\"author_hash\":$lp_hash_json,\"files_changed\":${lp_files:-null},\"lines_added\":${lp_added:-null},\
\"lines_removed\":${lp_removed:-null},\"duration_ms\":null,\"session_id\":$lp_session_json$4}
"
}

lp_now=$(date -u +%Y-%m-%dT%H:%M:%S.%3NZ)
case $lp_now in *[!0-9TZ:.-]*) lp_now=$(date -u +%Y-%m-%dT%H:%M:%SZ) ;; esac
lp_facts=$(git rev-parse --git-common-dir --symbolic-full-name HEAD)
{
    read -r lp_common
    read -r lp_ref
} <<EOF
$lp_facts
EOF
case $lp_common in
/* | ?:*) ;;
*) lp_common=$PWD/$lp_common ;;
esac
lp_repository=${lp_common%/.git}
lp_repository=${lp_repository##*/}
lp_branch=
case $lp_ref in refs/heads/*) lp_branch=${lp_ref#refs/heads/} ;; esac
lp_json "${lp_repository%.git}" && lp_repository_json=$lp_out
lp_json "$PWD" && lp_worktree_json=$lp_out
[ ${#lp_worktree_json} -lt 1500 ] || lp_worktree_json=null
lp_json "${LEARNING_PIPELINE_SESSION_ID:-${CLAUDE_CODE_SESSION_ID:-}}" && lp_session_json=$lp_out
lp_lines= lp_commit= lp_parents= lp_hash= lp_files= lp_added= lp_removed=

case $lp_name in
post-commit)
    lp_commit_facts
    lp_line commit "$lp_branch" "$lp_commit"
    ;;
post-merge)
    lp_commit_facts
    # A merge that only moved the branch forward made no commit of its own.
    case $lp_parents in *' '*) ;; *) lp_hash= lp_files= lp_added= lp_removed= ;; esac
    case $1 in 1) lp_more=,\"squash\":true ;; *) lp_more=,\"squash\":false ;; esac
    lp_line merge "$lp_branch" "$lp_commit" "$lp_more"
    ;;
post-checkout)
    # 0: only files were checked out.
    [ "$3" = 1 ] || exit
    lp_json "$1"
    lp_line checkout "$lp_branch" "$2" ",\"from_commit\":$lp_out"
    ;;
post-rewrite)
    lp_count=0 lp_list_old=
    while read -r lp_old lp_new lp_rest; do
        [ -n "$lp_new" ] || continue
        lp_count=$((lp_count + 1))
        lp_commit=$lp_new
        [ $lp_count -gt 20 ] || lp_list_old=$lp_list_old,\"$lp_old\"
    done <<EOF
$lp_input
EOF
    case $1 in amend | rebase) ;; *) exit ;; esac
    # A rebase is done on a detached HEAD; the hook runs when the branch is back.
    lp_line "$1" "$lp_branch" "$lp_commit" ",\"rewritten\":$lp_count,\"replaces\":[${lp_list_old#,}]"
    ;;
pre-push)
    lp_json "$1" && lp_remote=$lp_out
    lp_count=0
    while read -r lp_local lp_commit lp_target lp_old; do
        [ -n "$lp_old" ] && [ $lp_count -lt 20 ] || continue
        lp_count=$((lp_count + 1))
        # All zeros: the branch is deleted there.
        case $lp_commit in *[!0]*) ;; *) lp_commit= ;; esac
        lp_line push "${lp_target#refs/heads/}" "$lp_commit" ",\"remote\":$lp_remote"
    done <<EOF
$lp_input
EOF
    ;;
esac
[ -n "$lp_lines" ] || exit
[ -d "$lp_spool" ] || mkdir -p "$lp_spool" || exit
lp_file=$lp_spool/${lp_now%%T*}.jsonl
# A pipe in its place would keep git waiting.
[ -f "$lp_file" ] || [ ! -e "$lp_file" ] || exit
printf %s "$lp_lines" >>"$lp_file"
