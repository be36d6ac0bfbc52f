import type { IncomingHttpHeaders } from 'node:http';
import type { Metrics } from '../metrics/metrics.ts';

/**
 * Headers by which proxies, gateways, the platforms of clouds and the mesh itself say who is calling, or for whom. A `*` stands for the rest
 * of a name. Sent from outside they are mere claims, so no service gets them. Values of a metric's label.
 */
export const identityHeaders = [
  'forwarded',
  'via',
  'from',
  'remote-user',
  'remote-*',
  'x-forwarded-*',
  'x-real-ip',
  'x-client-*',
  'true-client-ip',
  'x-cluster-client-ip',
  'x-remote-*',
  'x-user*',
  'x-auth*',
  'x-account*',
  'x-role*',
  'x-group*',
  'x-scope*',
  'x-caller*',
  'x-consumer*',
  'x-principal*',
  'x-subject*',
  'x-identity*',
  'x-participant*',
  'x-jwt*',
  'x-webauth-*',
  'x-original-*',
  'x-rewrite-*',
  'x-ssl-*',
  'ssl-*',
  'x-envoy-*',
  'mesh-*',
  'x-mesh-*',
  'x-ordermesh-*',
  'x-amzn-oidc-*',
  'x-goog-*',
  'x-ms-*',
  'cf-*',
  'tailscale-*',
  'ce-*',
] as const;
export type IdentityHeader = (typeof identityHeaders)[number];

const exact = new Map(identityHeaders.filter((name) => !name.endsWith('*')).map((name) => [name as string, name]));
const prefixes = identityHeaders.filter((name) => name.endsWith('*')).map((name) => [name.slice(0, -1), name] as const);

// The same few names come with every request.
const maxKnown = 1_000;
const known = new Map<string, IdentityHeader | undefined>();

/** Which of the identity headers this is, if any. `name` is in lower case. */
export function identityHeaderOf(name: string): IdentityHeader | undefined {
  const found = known.get(name);
  if (found !== undefined || known.has(name)) return found;
  const header = exact.get(name) ?? prefixes.find(([prefix]) => name.startsWith(prefix))?.[1];
  if (known.size < maxKnown) known.set(name, header);
  return header;
}

/** Returns a function that counts the identity headers of a request. */
export function countIdentityHeaders(metrics: Metrics): (headers: IncomingHttpHeaders) => void {
  const count = metrics.counter(
    'ordermesh_http_identity_headers_total',
    'Headers of HTTP requests that say who is calling, and were not passed on.',
    ['header'],
  );
  return (headers) => {
    for (const name in headers) {
      const header = identityHeaderOf(name);
      if (header !== undefined) count.add({ header });
    }
  };
}
