import { parseAddress } from './address.ts';
import { corsOriginsProblem, parseCorsOrigins } from './cors-origins.ts';
import { httpHostsProblem, parseHttpHosts } from './http-hosts.ts';
import { numberSetting } from './setting.ts';
import { fileSetting, keySetting } from './tls-settings.ts';

/** The HTTP listener of a process that has the edge. */
export const httpSettings = {
  /** `host:port` of the HTTP listener of a process that has the edge; empty: there is none. */
  httpListen: {
    variable: 'HTTP_LISTEN',
    default: '127.0.0.1:8080',
    allowed: '<host>:<port> with a port from 0 to 65535, or off',
    doc:
      '`<host>:<port>` of [REST](rest.md) in a process that has the edge: the whole mesh, the gateway, and one that ' +
      'runs `edge`; port 0 picks a free one, `off`: none',
    parse: (text: string) => (text === 'off' ? '' : parseAddress(text)),
  },
  /** The certificate of the HTTP listener, with the intermediate ones. */
  httpTlsCert: fileSetting(
    'HTTP_TLS_CERT',
    'a PEM file: the certificate of `HTTP_LISTEN`, then the intermediate ones, such as one that browsers trust. It ' +
      'is reloaded when it changes. Default: `TLS_CERT`; without that, plain HTTP',
  ),
  /** Its key. */
  httpTlsKey: keySetting('HTTP_TLS_KEY', 'a PEM file: the private key of `HTTP_TLS_CERT`, not encrypted'),
  /** How many connections of HTTP clients may be open. */
  httpMaxConnections: numberSetting('HTTP_MAX_CONNECTIONS', {
    default: '10000',
    min: 1,
    max: 1_000_000,
    doc:
      'how many connections HTTP clients may have open, up to 1000000. A further one gets an HTTP status 503 and is ' +
      'closed',
  }),
  /** How many of them one address may have. */
  httpMaxConnectionsPerAddress: numberSetting('HTTP_MAX_CONNECTIONS_PER_ADDRESS', {
    default: '1000',
    min: 1,
    max: 1_000_000,
    doc:
      'how many of them one address may have, up to 1000000. A further one gets an HTTP status 503 and is closed. ' +
      'Behind a proxy all callers have its address: raise it to that of `HTTP_MAX_CONNECTIONS`',
  }),
  /** The origins whose pages may call the HTTP listener. */
  httpCorsOrigins: {
    variable: 'HTTP_CORS_ORIGINS',
    default: '',
    allowed: 'origins (https://<host>, http://<host>:<port>) separated by commas, or *, or empty',
    doc:
      'origins whose pages may call `HTTP_LISTEN` from a browser, separated by commas: ' +
      '`https://shop.example,http://localhost:5173`. `*`: any page that a user opens, on any site, may read and ' +
      'change everything. Default: only pages of its own origin ([from a browser](rest.md#from-a-browser))',
    parse: parseCorsOrigins,
    problemOf: corsOriginsProblem,
  },
  /** The headers of HTTP requests that services get. */
  httpMetadata: {
    variable: 'HTTP_METADATA',
    default: 'authorization',
    allowed: 'names of headers in lower case, separated by commas; * at the end of one stands for any rest',
    doc:
      'names of request headers, in lower case, that services get as metadata over Connect and gRPC-Web, separated ' +
      'by commas; `*` at the end of one stands for any rest. Headers that claim who is calling (`x-user-id`, ' +
      '`x-forwarded-for`) never pass ([the list](rest.md#connect-and-grpc-web))',
    parse: parseHeaderNames,
  },
  /** The names by which `HTTP_LISTEN` may be called. */
  httpHosts: {
    variable: 'HTTP_HOSTS',
    default: '',
    allowed: 'host names without ports separated by commas, or *, or empty',
    doc:
      'names by which `HTTP_LISTEN` may be called, besides `localhost` and addresses, separated by commas: ' +
      '`api.example`, such as those that a proxy in front passes on; `*`: any. Default: no other on a loopback ' +
      'address, any on others ([host names](rest.md#host-names))',
    parse: parseHttpHosts,
    problemOf: httpHostsProblem,
  },
} as const;

const headerName = /^(?:[0-9a-z_.-]+\*?|\*)$/;

function parseHeaderNames(text: string): readonly string[] | undefined {
  const names = text.split(',').map((name) => name.trim());
  if (text === '') return [];
  return names.every((name) => headerName.test(name)) ? names : undefined;
}
