"""Those who build share one look at the lake; who asks whether all is well looks for himself."""

import threading

from learning_pipeline.marts import build
from learning_pipeline.marts.staging import is_shared, opened
from learning_pipeline.settings import Settings
from learning_pipeline_tests.factories import NOON, fill_lake


def test_who_asks_afresh_sees_what_the_shared_look_does_not(built: Settings) -> None:
    new = [{"feedback_id": "new", "given_at": NOON, "rating": 5}]
    with build.one_look(built):
        assert build.stale_days(built, shared=True) == []
        fill_lake(built.home, feedback=new)
        assert build.stale_days(built, shared=True) == []
        assert NOON.date() in build.stale_days(built)
    with build.one_look(built):
        assert NOON.date() in build.stale_days(built, shared=True)


def test_it_is_shared_inside_in_its_thread_and_for_its_home_only(built: Settings) -> None:
    others: list[bool] = []

    def elsewhere() -> None:
        with opened(built.staging_dir) as staging:
            others.append(is_shared(staging))

    with build.one_look(built), opened(built.staging_dir) as staging:
        assert is_shared(staging)
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
        with opened(built.home / "another") as another:
            assert not is_shared(another)
    assert others == [False]
    with opened(built.staging_dir) as staging:
        assert not is_shared(staging)
