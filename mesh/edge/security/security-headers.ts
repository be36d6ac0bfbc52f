/**
 * What browsers may do with an answer, unless it says otherwise: not keep it, not take it for another type, not show it as a page or
 * in a frame, not use it as a picture or script of another site, and not name its address to others.
 */
export const securityHeaders: Readonly<Record<string, string>> = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
};
