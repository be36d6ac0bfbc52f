import { isLocal } from './address.ts';

/** An account of Amazon SQS, or a server with its protocol, and the names of the queues in it. */
export interface SqsTarget {
  /** `eu-central-1`. */
  readonly region: string;
  /** What the names of all queues begin with. Default: nothing. */
  readonly prefix: string;
  /** `http://localhost:9324`. `undefined`: Amazon's own for the region. */
  readonly endpoint: string | undefined;
  /** The account that owns the queues. `undefined`: that of the credentials. */
  readonly account: string | undefined;
  /** Whether missing queues are created. */
  readonly createsQueues: boolean;
}

const form = /^sqs:\/\/([a-z][a-z0-9-]{1,40})(?:\/([A-Za-z0-9_-]{0,40}))?(?:\?([^#]*))?$/;
const known: ReadonlySet<string> = new Set(['endpoint', 'account', 'queues']);

/**
 * Reads `sqs://<region>/<prefix>?endpoint=<http(s)://host:port>&account=<12 digits>&queues=existing`; all but the region may
 * be missing. Credentials are not in it. Returns `undefined` if the text is not a valid URL of an account.
 */
export function parseSqsUrl(text: string): SqsTarget | undefined {
  const [, region, prefix = '', query = ''] = form.exec(text) ?? [];
  if (region === undefined) return undefined;
  const parameters = new URLSearchParams(query);
  const names = [...parameters.keys()];
  if (names.some((name) => !known.has(name)) || new Set(names).size < names.length) return undefined;
  const endpoint = parameters.get('endpoint') ?? undefined;
  const account = parameters.get('account') ?? undefined;
  const queues = parameters.get('queues') ?? 'create';
  if (endpoint !== undefined && !isEndpoint(endpoint)) return undefined;
  if (account !== undefined && !/^\d{12}$/.test(account)) return undefined;
  if (queues !== 'create' && queues !== 'existing') return undefined;
  return { region, prefix, endpoint, account, createsQueues: queues === 'create' };
}

/** Whether its tasks go to another machine without TLS. */
export function isPlainSqs(text: string): boolean {
  const endpoint = parseSqsUrl(text)?.endpoint;
  return endpoint?.startsWith('http:') === true && !isLocal(`${new URL(endpoint).hostname}:`);
}

function isEndpoint(text: string): boolean {
  const url = /^https?:\/\//.test(text) ? URL.parse(text) : null;
  return url !== null && url.username === '' && url.password === '' && url.search === '' && url.hash === '';
}
