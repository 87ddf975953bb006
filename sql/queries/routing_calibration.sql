-- Calibration of routing: confidence against what came of it, by tenths
select confidence_from, confidence_to, labelled, round(mean_confidence, 3) as mean_confidence,
    round(success_rate, 3) as success_rate, round(success_low, 3) as success_low, round(success_high, 3) as success_high,
    round(gap_ratio, 3) as gap_ratio, round(q_value, 4) as q_value, is_calibrated
from mart_routing_calibration
order by confidence_bin;
