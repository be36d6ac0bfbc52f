/** What a caller may have in progress at a time, and what of that is left. */
export interface CallerQuota {
  readonly limit: number;
  readonly remaining: number;
}

/**
 * Returns the fields of draft-ietf-httpapi-ratelimit-headers-10: the limit is one of concurrent requests, so it has no window, and
 * a request that ends gives its part back.
 */
export function rateLimitHeaders({ limit, remaining }: CallerQuota): Readonly<Record<string, string>> {
  return {
    'ratelimit-policy': `"concurrency";q=${limit};qu="concurrent-requests"`,
    ratelimit: `"concurrency";r=${Math.max(0, remaining)}`,
  };
}
