"""The statements behind the patterns. Each reads what was decided in one period by an index, once, and returns the
lines most worth a look, with ``total``: how many there are. ``refs`` are references of cases, five at most."""

SAME_AGAIN = """
WITH pairs AS MATERIALIZED (
    SELECT c.agency, c.service, d.decided_by AS official, c.business_id AS business, count(*) AS n,
        (array_agg(c.reference ORDER BY d.decided_at DESC))[1:5] AS refs
    FROM decisions d JOIN cases c ON c.id = d.case_id
    WHERE d.decided_at >= :since AND d.decided_at < :until AND c.business_id IS NOT NULL AND NOT d.by_silence
    GROUP BY c.agency, c.service, d.decided_by, c.business_id
), shares AS (
    SELECT *, sum(n) OVER (PARTITION BY agency, service, business) AS firm,
        sum(n) OVER (PARTITION BY agency, service, official)
            / sum(n) OVER (PARTITION BY agency, service) AS share
    FROM pairs
), lines AS (
    SELECT *, firm * share AS expected, (n - firm * share) / sqrt(firm * share * (1 - share)) AS away
    FROM shares WHERE n >= :least AND share < 1
)
SELECT official, business, agency, service, n, firm AS of, round(expected, 1) AS expected, refs,
    count(*) OVER () AS total
FROM lines WHERE away >= :away AND n >= 2 * expected
ORDER BY away DESC, official, business LIMIT :most
"""

OUT_OF_HOURS = """
WITH hours AS (
    SELECT * FROM unnest(CAST(:agencies AS text[]), CAST(:weekdays AS integer[]), CAST(:opens AS integer[]),
        CAST(:closes AS integer[])) AS given (agency, weekday, opens, closes)
), decided AS MATERIALIZED (
    SELECT d.decided_by AS official, c.agency, c.reference, d.decided_at,
        hours.opens IS NULL OR local.moment::date = ANY(CAST(:closed AS date[]))
            OR extract(epoch FROM local.moment::time) < hours.opens * 60
            OR extract(epoch FROM local.moment::time) >= hours.closes * 60 AS away
    FROM decisions d JOIN cases c ON c.id = d.case_id
        CROSS JOIN LATERAL (SELECT d.decided_at AT TIME ZONE :zone AS moment) AS local
        LEFT JOIN hours ON hours.agency = c.agency AND hours.weekday = extract(isodow FROM local.moment)
    WHERE NOT d.by_silence AND d.decided_at >= :since AND d.decided_at < :until
)
SELECT official, agency, count(*) FILTER (WHERE away) AS n, count(*) AS of,
    (array_agg(reference ORDER BY decided_at DESC) FILTER (WHERE away))[1:5] AS refs, count(*) OVER () AS total
FROM decided GROUP BY official, agency HAVING count(*) FILTER (WHERE away) >= :least
ORDER BY n DESC, official, agency LIMIT :most
"""

# {alike}: what makes two cases of a service about the same thing, as each service says.
REVERSED = """
WITH refused AS MATERIALIZED (
    SELECT d.case_id, d.decided_by, d.decided_at, c.reference, c.business_id, c.service, c.agency, {alike} AS alike
    FROM decisions d JOIN cases c ON c.id = d.case_id JOIN submissions s ON s.id = d.submission_id
    WHERE d.decided_at >= :since AND d.decided_at < :until AND d.outcome = 'refuse' AND c.business_id IS NOT NULL
        AND NOT d.by_silence
), approved AS MATERIALIZED (
    SELECT d.decided_by, d.decided_at, c.reference, c.business_id, c.service, {alike} AS alike
    FROM decisions d JOIN cases c ON c.id = d.case_id JOIN submissions s ON s.id = d.submission_id
    WHERE d.decided_at >= :since AND d.decided_at < :until AND d.outcome = 'approve' AND NOT d.by_silence
        AND c.business_id IN (SELECT business_id FROM refused)
), turned AS (
    SELECT DISTINCT ON (r.case_id) 'approved' AS kind, a.decided_at AS at, r.decided_by AS official,
        a.decided_by AS other, r.business_id AS business, r.agency, r.service, ARRAY[r.reference, a.reference] AS refs
    FROM refused r JOIN approved a ON a.business_id = r.business_id AND a.service = r.service AND a.alike = r.alike
        AND a.decided_at > r.decided_at AND a.decided_at <= r.decided_at + make_interval(days => :within)
    WHERE r.alike <> '' AND a.reference <> r.reference
    ORDER BY r.case_id, a.decided_at
), lines AS (
    SELECT * FROM turned
    UNION ALL
    SELECT 'corrected', d.decided_at, b.decided_by, d.decided_by, c.business_id, c.agency, c.service, ARRAY[c.reference]
    FROM decisions d JOIN decisions b ON b.id = d.corrects_id AND b.outcome <> d.outcome AND NOT b.by_silence
        JOIN cases c ON c.id = d.case_id
    WHERE d.decided_at >= :since AND d.decided_at < :until
    UNION ALL
    SELECT 'cancelled', e.at, d.decided_by, e.actor_id, c.business_id, c.agency, c.service, ARRAY[c.reference]
    FROM decisions d JOIN cases c ON c.id = d.case_id AND c.state = 'cancelled'
        JOIN case_events e ON e.case_id = c.id AND e.action = 'cancel'
            AND e.at >= d.decided_at AND e.at <= d.decided_at + make_interval(days => :within)
    WHERE d.decided_at >= :since AND d.decided_at < :until AND NOT d.by_silence
        AND NOT EXISTS (SELECT 1 FROM decisions n WHERE n.corrects_id = d.id)
    UNION ALL
    SELECT 'revoked', e.at, d.decided_by, e.actor_id, c.business_id, c.agency, c.service, ARRAY[c.reference]
    FROM decisions d JOIN permits p ON p.case_id = d.case_id AND p.state = 'revoked'
        JOIN permit_events e ON e.permit_id = p.id AND e.to_state = 'revoked'
            AND e.reason_code <> 'correction' AND e.at <= d.decided_at + make_interval(days => :within)
            AND e.at >= d.decided_at
        JOIN cases c ON c.id = d.case_id
    WHERE d.decided_at >= :since AND d.decided_at < :until AND NOT d.by_silence
)
SELECT kind, official, other, business, agency, service, refs, count(*) OVER () AS total
FROM lines ORDER BY at DESC, refs LIMIT :most
"""

# {measured}: case_id, business_id, at, value_minor, currency, of every service that declares values.
SPLIT = """
WITH thresholds AS (
    SELECT * FROM unnest(CAST(:services AS text[]), CAST(:rules AS text[]), CAST(:minors AS bigint[]),
        CAST(:currencies AS text[])) AS given (service, rule, minor, currency)
), near AS MATERIALIZED (
    SELECT m.*, t.rule, t.minor FROM ({measured}) AS m
        JOIN thresholds t ON t.service = m.service AND t.currency = m.currency
    WHERE m.at >= :since AND m.at < :until AND m.value_minor < t.minor AND m.value_minor >= t.minor * :share
), runs AS (
    SELECT *, count(*) OVER w AS n, sum(value_minor) OVER w AS sum FROM near
    WINDOW w AS (PARTITION BY service, rule, business_id ORDER BY at
        RANGE BETWEEN make_interval(days => :within) PRECEDING AND CURRENT ROW)
), lines AS (
    SELECT r.service, r.rule, r.minor, r.currency, r.business_id AS business, max(r.n) AS n, max(r.sum) AS sum,
        (array_agg(c.reference ORDER BY r.at DESC))[1:5] AS refs
    FROM runs r JOIN cases c ON c.id = r.case_id
    GROUP BY r.service, r.rule, r.minor, r.currency, r.business_id HAVING max(r.n) >= :least
)
SELECT *, count(*) OVER () AS total FROM lines ORDER BY n DESC, sum DESC, business LIMIT :most
"""

QUICK = """
WITH approved AS MATERIALIZED (
    SELECT d.decided_by AS official, c.agency, c.service, c.reference, d.decided_at - s.submitted_at AS took
    FROM decisions d JOIN cases c ON c.id = d.case_id JOIN submissions s ON s.id = d.submission_id
    WHERE d.decided_at >= :since AND d.decided_at < :until AND d.outcome = 'approve' AND NOT d.by_silence
), bounds AS (
    SELECT agency, service, percentile_cont(CAST(:percentile AS double precision)) WITHIN GROUP (ORDER BY took) AS bound
    FROM approved GROUP BY agency, service HAVING count(*) >= :enough
), lines AS (
    SELECT official, agency, service, bound, count(*) FILTER (WHERE took < bound) AS n, count(*) AS of,
        (array_agg(reference ORDER BY took) FILTER (WHERE took < bound))[1:5] AS refs
    FROM approved JOIN bounds USING (agency, service) GROUP BY official, agency, service, bound
)
SELECT official, agency, service, extract(epoch FROM bound)::bigint AS seconds, n, of,
    round(of * CAST(:percentile AS numeric), 1) AS expected, refs, count(*) OVER () AS total
FROM lines WHERE n >= :least AND n >= 2 * of * CAST(:percentile AS numeric)
ORDER BY n::numeric / of DESC, official, agency, service LIMIT :most
"""

CHOSEN = """
WITH taken AS MATERIALIZED (
    SELECT actor_id AS official, verb, reference, at FROM audit_entries
    WHERE verb IN ('case.chosen', 'case.take') AND at >= :since AND at < :until AND actor_kind = 'user'
)
SELECT official, count(*) FILTER (WHERE verb = 'case.chosen') AS n, count(*) FILTER (WHERE verb = 'case.take') AS of,
    (array_agg(reference ORDER BY at DESC) FILTER (WHERE verb = 'case.chosen'))[1:5] AS refs, count(*) OVER () AS total
FROM taken GROUP BY official HAVING count(*) FILTER (WHERE verb = 'case.chosen') >= :least
ORDER BY n DESC, official LIMIT :most
"""
