import {
  answerJson,
  type ReceivedRequest,
  type RegistryServer,
  startRegistryServer,
} from '../../testing/registry-server.ts';

/** An agent of Consul as far as the adapter uses it. What Consul would not accept, or has other rules for, it refuses. */
export interface FakeConsul extends RegistryServer {
  /** Sets the passing instances of a service, as entries of a health query. The index grows to `index`; default: by 1. */
  set(service: string, entries: readonly unknown[], index?: bigint): void;
  /** Answers all blocked queries, without a change. */
  wake(): void;
  /** The agents of its cluster. */
  readonly members: object[];
  /** The registered services by id. */
  readonly registered: Map<string, Readonly<Record<string, unknown>>>;
}

export async function startFakeConsul(): Promise<FakeConsul> {
  const entries = new Map<string, readonly unknown[]>();
  const registered: FakeConsul['registered'] = new Map();
  const members: FakeConsul['members'] = [{ Name: 'a' }];
  let index = 10n;
  const blocked = new Map<ReceivedRequest, (request: ReceivedRequest) => void>();

  const answerHealth = (request: ReceivedRequest) =>
    answerJson(request, entries.get(serviceOf(request)) ?? [], { headers: { 'x-consul-index': String(index) } });

  const answerCatalog = (request: ReceivedRequest) => {
    const names = [...entries.keys()].map((name) => [name, ['grpc']]);
    const catalog = { consul: [], 'web-tls': ['https'], ...Object.fromEntries(names) };
    answerJson(request, catalog, { headers: { 'x-consul-index': String(index) } });
  };

  function query(
    request: ReceivedRequest,
    answer: (request: ReceivedRequest) => void,
    allowed: readonly string[],
  ): void {
    const { query } = request;
    const isUsual = [...query.keys()].every((name) => [...allowed, 'index', 'wait', 'dc'].includes(name));
    if (!isUsual || !/^\d+s$/.test(query.get('wait') ?? '')) refuse(request);
    // An index of another history blocks as well, as long as it is larger.
    else if (BigInt(query.get('index') ?? 0) < index) answer(request);
    else blocked.set(request, answer);
  }

  function wake(): void {
    for (const [request, answer] of blocked) {
      blocked.delete(request);
      answer(request);
    }
  }

  const server = await startRegistryServer((request) => {
    const { method, path, body } = request;
    const call = `${method} ${path.replace(/[^/]*$/, '')}`;
    if (call === 'GET /v1/health/service/') return query(request, answerHealth, ['passing']);
    if (call === 'GET /v1/catalog/') return query(request, answerCatalog, []);
    if (method === 'PUT' && path === '/v1/agent/service/register' && isRegistration(body)) {
      registered.set(body.ID, body);
      return void request.response.writeHead(200).end();
    }
    if (call === 'GET /v1/agent/' && path.endsWith('/members')) return answerJson(request, members);
    const isKnown = registered.has(serviceOf(request));
    if (call === 'GET /v1/agent/service/' && isKnown) return answerJson(request, registered.get(serviceOf(request)));
    if (call === 'PUT /v1/agent/service/deregister/' && registered.delete(serviceOf(request)))
      return void request.response.writeHead(200).end();
    if (/^(GET \/v1\/agent\/service|PUT \/v1\/agent\/service\/deregister)\/$/.test(call))
      return void request.response.writeHead(404).end(`unknown service ID: ${serviceOf(request)}`);
    refuse(request);
  });
  return {
    ...server,
    registered,
    members,
    wake,
    set(service, next, at = index + 1n) {
      entries.set(service, next);
      index = at;
      wake();
    },
  };
}

const serviceOf = ({ path }: ReceivedRequest) => decodeURIComponent(path.slice(path.lastIndexOf('/') + 1));

function refuse({ response, method, path }: ReceivedRequest): void {
  response.writeHead(400).end(`not a request that the agent accepts: ${method} ${path}`);
}

function isRegistration(body: unknown): body is { readonly ID: string } {
  if (typeof body !== 'object' || body === null) return false;
  const { ID, Name, Address, Port } = body as Readonly<Record<string, unknown>>;
  return (
    [ID, Name].every((text) => typeof text === 'string' && text !== '') &&
    typeof Address === 'string' &&
    Number.isInteger(Port)
  );
}
