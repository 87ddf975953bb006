-- What each part of the routing confidence is worth: how well it tells successes from failures
select component, stated_weight, n, round(auc, 3) as auc, round(auc_low, 3) as auc_low, round(auc_high, 3) as auc_high,
    round(q_value, 4) as q_value, round(auc_gain, 4) as auc_gain, complete_n
from mart_routing_component
order by component;
