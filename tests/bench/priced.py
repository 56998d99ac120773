"""Results of all kinds, and what they cost: worked out anew, in fractions, from the table of prices.

  priced.py make TABLE COUNT     writes results: each model of the table, in the form of its API, with
                                 cached input, cache writes, long contexts, batches and tiers
  priced.py check TABLE          reads results with lb.cost; prints how many are not priced to the
                                 nano-dollar, and in all by how much; status 1 if any is not
"""

import json
import random
import sys
import time
from fractions import Fraction

NANO = 10**9


def number(text):
    return Fraction(text)


def load(path):
    with open(path, encoding='utf-8') as file:
        return json.load(file, parse_int=number, parse_float=number)


def count():
    return random.randrange(random.choice((1, 10, 1000, 40000, 400000)))


def usage_of(provider, model, fields):
    """The usage of a response in the provider's form."""
    plain, cached, write, hour, out = (count() for _ in range(5))
    if provider == 'anthropic':
        fields['usage'] = {
            'input_tokens': plain, 'output_tokens': out, 'cache_read_input_tokens': cached,
            'cache_creation_input_tokens': write + hour,
            'cache_creation': {'ephemeral_5m_input_tokens': write, 'ephemeral_1h_input_tokens': hour}}
        if random.random() < .3:
            del fields['usage']['cache_creation']
        if random.random() < .3:
            fields['usage']['inference_geo'] = random.choice(('us', 'global'))
        if random.random() < .3:
            fields['usage']['speed'] = random.choice(('fast', 'standard'))
        if random.random() < .3:
            fields['usage']['service_tier'] = random.choice(('batch', 'standard', 'priority'))
    elif provider == 'google':
        thoughts = random.randrange(out + 1)
        fields['usageMetadata'] = {
            'promptTokenCount': plain + cached, 'cachedContentTokenCount': cached,
            'candidatesTokenCount': out - thoughts, 'thoughtsTokenCount': thoughts}
        fields['modelVersion'] = fields.pop('model')
    elif provider == 'deepseek' and random.random() < .5:
        fields['usage'] = {'prompt_tokens': plain + cached, 'prompt_cache_hit_tokens': cached,
                           'prompt_cache_miss_tokens': plain, 'completion_tokens': out}
    elif 'embed' in model:
        fields['usage'] = {'prompt_tokens': plain, 'total_tokens': plain}
    elif random.random() < .5:
        fields['usage'] = {
            'prompt_tokens': plain + cached + write, 'completion_tokens': out,
            'prompt_tokens_details': {'cached_tokens': cached, 'cache_write_tokens': write},
            'completion_tokens_details': {'reasoning_tokens': random.randrange(out + 1)}}
    else:
        fields['usage'] = {
            'input_tokens': plain + cached + write, 'output_tokens': out,
            'input_tokens_details': {'cached_tokens': cached, 'cache_write_tokens': write},
            'output_tokens_details': {'reasoning_tokens': random.randrange(out + 1)}}
    if provider == 'openai' and random.random() < .4:
        fields['service_tier'] = random.choice(('default', 'flex', 'priority', 'fast', 'batch'))


def make(table, most):
    names = sorted(table['models'])
    random.seed(11)
    for i in range(most):
        model = names[i % len(names)]
        provider = table['models'][model]['provider']
        fields = {'model': model, 'created': 1790000000 + random.randrange(86400 * 30)}
        if provider in ('openai', 'anthropic') and random.random() < .3:
            fields['model'] = provider + '/' + model
        usage_of(provider, model, fields)
        record = {'custom_id': 'r%d' % i, 'body': {'model': model},
                  'response': {'status_code': 200, 'body': fields}, 'error': None}
        if 'batch' not in json.dumps(fields) and random.random() < .3:
            record['lb'] = {'batch': True}
        print(json.dumps(record, separators=(',', ':')))


def tokens(body):
    """Input that is not cached, cached, written to a cache for minutes, for an hour, and output."""
    if 'usageMetadata' in body:
        u = body['usageMetadata']
        return (u['promptTokenCount'] - u['cachedContentTokenCount'], u['cachedContentTokenCount'], 0, 0,
                u['candidatesTokenCount'] + u['thoughtsTokenCount'])
    u = body['usage']
    if 'cache_read_input_tokens' in u:
        split = u.get('cache_creation')
        if split is None:
            minutes, hour = u['cache_creation_input_tokens'], 0
        else:
            minutes, hour = split['ephemeral_5m_input_tokens'], split['ephemeral_1h_input_tokens']
        return u['input_tokens'], u['cache_read_input_tokens'], minutes, hour, u['output_tokens']
    whole = u.get('prompt_tokens', u.get('input_tokens'))
    details = u.get('prompt_tokens_details', u.get('input_tokens_details', {}))
    cached = details.get('cached_tokens', u.get('prompt_cache_hit_tokens', 0))
    write = details.get('cache_write_tokens', 0)
    return whole - cached - write, cached, write, 0, u.get('completion_tokens', u.get('output_tokens', 0))


def factor(table, model, name):
    return model.get(name, table['providers'].get(model['provider'], {}).get(name, 1))


def price(table, record):
    body = record['response']['body']
    model = table['models'][record['body']['model']]
    plain, cached, minutes, hour, out = tokens(body)
    rate = model['input']
    write = model.get('cache_write', rate)
    dear = model.get('cache_write_1h', 2 * rate if 'cache_write' in model else rate)
    into = plain * rate + cached * model.get('cached_input', rate) + minutes * write + hour * dear
    from_it = out * model['output']
    long = model.get('long_context')
    if long and plain + cached + minutes + hour > long['above']:
        into *= long['input']
        from_it *= long['output']
    dollars = (into + from_it) / 10**6
    at = time.gmtime(body['created'])
    for hours in model.get('hours', []):
        if hours['from'] <= '%02d:%02d' % (at.tm_hour, at.tm_min) < hours['to']:
            dollars *= hours['factor']
    tier = body.get('service_tier', body.get('usage', {}).get('service_tier'))
    if tier in ('flex', 'priority', 'fast', 'batch'):
        dollars *= factor(table, model, tier)
    if record.get('lb', {}).get('batch'):
        dollars *= factor(table, model, 'batch')
    usage = body.get('usage', {})
    if usage.get('speed') == 'fast':
        dollars *= factor(table, model, 'fast')
    if usage.get('inference_geo') == 'us':
        dollars *= factor(table, model, 'geo_us')
    return (dollars * NANO + Fraction(1, 2)) // 1


def check(table):
    wrong, apart, seen = 0, 0, 0
    for line in sys.stdin:
        record = json.loads(line, parse_float=number)
        difference = abs(record['lb'].get('cost', -1) * NANO - price(table, record))
        wrong += difference != 0
        apart += difference
        seen += 1
    print(wrong, apart, seen)
    sys.exit(wrong != 0)


if sys.argv[1] == 'make':
    make(load(sys.argv[2]), int(sys.argv[3]))
else:
    check(load(sys.argv[2]))
