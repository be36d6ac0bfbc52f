/** What a caller may have in progress at a time, and what of that is left. */
export interface CallerQuota {
  readonly limit: number;
  readonly remaining: number;
}

const policyName = 'concurrency';
const problemTypes = 'https://iana.org/assignments/http-problem-types#';

/**
 * Returns the headers of draft-ietf-httpapi-ratelimit-headers-10. The limit is one of concurrent requests, so it has no window: a request
 * that ends gives its part back.
 */
export function rateLimitHeaders({ limit, remaining }: CallerQuota): Readonly<Record<string, string>> {
  return {
    'ratelimit-policy': `"${policyName}";q=${limit};qu="concurrent-requests"`,
    ratelimit: `"${policyName}";r=${Math.max(0, remaining)}`,
  };
}

/** Returns the members of a problem with status 429 that the draft defines: the caller has too much in progress, or all have. */
export function capacityProblem(quota: CallerQuota | undefined) {
  return quota !== undefined && quota.remaining <= 0
    ? { type: `${problemTypes}quota-exceeded`, title: 'Quota exceeded', 'violated-policies': [policyName] }
    : { type: `${problemTypes}temporary-reduced-capacity`, title: 'Temporary reduced capacity' };
}
