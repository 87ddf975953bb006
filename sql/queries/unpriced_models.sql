-- Models without a price: their cost is unknown; put them into your price file
select
    model,
    provider,
    calls,
    executions,
    input_tokens,
    output_tokens,
    cache_read_tokens,
    cache_write_tokens,
    first_day,
    last_day
from mart_unpriced_models
order by calls + executions desc, model, provider;
