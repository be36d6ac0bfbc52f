import { beforeAll, describe, expect, it } from 'vitest';
import { runnableServices } from '../../services/all.ts';
import { type AccessRule, readAccessRules } from './support/access-rules.ts';
import { callsAllServices, type DeclaredClient, declaredClients, usesTasks } from './support/declared-clients.ts';
import { container, type Manifest, only, readManifests } from './support/manifests.ts';
import { ownNamespace, type Place, reaches } from './support/reach.ts';

const services = runnableServices
  .filter(({ name }) => name !== 'edge')
  .map(({ name, discoveryName = name }) => ({ name, discoveryName }));
type Named = (typeof services)[number];

const grpcPort = 50_051;
const opsPort = 50_052;
const httpPort = 8080;
const metricsPort = 9464;
const allPorts = [grpcPort, opsPort, httpPort, metricsPort];

const podOf = ({ name }: Named): Place => ({
  labels: { 'app.kubernetes.io/name': name, 'app.kubernetes.io/part-of': 'ordermesh' },
  namespace: ownNamespace,
});
const arrow = (from: Named, to: Named, port = grpcPort) => `${from.name} -> ${to.name}:${port}`;
const elsewhere: Place = { address: '192.0.2.1' };

describe('the network policies of deploy/kubernetes', () => {
  let policies: readonly Manifest[];
  let deployments: ReadonlyMap<string, Manifest>;
  /** The contracts that each service calls. */
  let clients: ReadonlyMap<string, readonly DeclaredClient[]>;
  /** The services that call whatever they find. */
  let finders: ReadonlySet<string>;
  let rules: readonly AccessRule[];
  let taskUsers: ReadonlySet<string>;

  beforeAll(async () => {
    const files = await Promise.all(
      services.map(async ({ name }) => [name, await readManifests(`base/services/${name}.yaml`)] as const),
    );
    const all = [...(await readManifests('base/network.yaml')), ...files.flatMap(([, objects]) => objects)];
    policies = all.filter(({ kind }) => kind === 'NetworkPolicy');
    deployments = new Map(files.map(([name, objects]) => [name, only(objects, 'Deployment')]));
    clients = new Map(
      await Promise.all(services.map(async ({ name }) => [name, await declaredClients(name)] as const)),
    );
    const finding = await Promise.all(services.map(async ({ name }) => ((await callsAllServices(name)) ? [name] : [])));
    finders = new Set(finding.flat());
    const using = await Promise.all(services.map(async ({ name }) => ((await usesTasks(name)) ? [name] : [])));
    taskUsers = new Set(using.flat());
    rules = await readAccessRules();
  });

  const calls = (from: Named, to: Named) => {
    const hasClient = clients.get(from.name)?.some(({ service }) => service === to.discoveryName) ?? false;
    return hasClient || (finders.has(from.name) && to.name !== 'gateway');
  };
  const open = (from: Place, to: Place, port: number) => reaches(policies, { from, to, port });
  const pairs = services.flatMap((from) => services.map((to) => ({ from, to })));

  it('let each service call those that its code has clients of, gateway and ops all, and nobody else', () => {
    const needed = pairs.filter(({ from, to }) => calls(from, to));
    const opened = pairs.filter(({ from, to }) => open(podOf(from), podOf(to), grpcPort));
    const fix = 'egress of the caller and ingress of the called one are in deploy/kubernetes/base/services';
    const arrowsOf = (some: typeof pairs) => some.map(({ from, to }) => arrow(from, to)).toSorted();
    expect(arrowsOf(opened), fix).toEqual(arrowsOf(needed));
    expect(finders).toEqual(new Set(['gateway', 'ops']));
    // The saga calls four services, so the comparison is about something.
    expect(arrowsOf(opened)).toContain('order -> shipping:50051');
  });

  it('open nothing to a service that no contract of the called one admits', () => {
    const admitted = ({ discoveryName }: Named, admits: ReadonlySet<string>) =>
      admits.has(discoveryName) || admits.has('*');
    const refused = pairs.filter(({ from, to }) => {
      // The gateway has no rights of its own: it passes on the calls of users.
      if (from.name === 'gateway' || !open(podOf(from), podOf(to), grpcPort)) return false;
      // Each process serves its part of what ops shows.
      const served = rules.filter(({ service }) => service === to.discoveryName || service === 'ops');
      return !served.some(({ admits }) => admitted(from, admits));
    });
    expect(refused.map(({ from, to }) => arrow(from, to))).toEqual([]);
    const clientsRefused = services.flatMap((from) =>
      (clients.get(from.name) ?? []).filter(({ contract }) => {
        const rule = rules.find((one) => one.contract === contract);
        return rule === undefined || !admitted(from, rule.admits);
      }),
    );
    expect(clientsRefused).toEqual([]);
  });

  it('let each service that a contract names call it', () => {
    const named = services.flatMap((from) =>
      services
        .filter((to) =>
          rules.some(({ service, admits }) => service === to.discoveryName && admits.has(from.discoveryName)),
        )
        .map((to) => ({ from, to })),
    );
    expect(named.length).toBeGreaterThan(5);
    const closed = named.filter(({ from, to }) => !open(podOf(from), podOf(to), grpcPort));
    expect(closed.map(({ from, to }) => arrow(from, to))).toEqual([]);
  });

  it('let ops ask a gateway what it knows of itself, and nobody open another port within the mesh', () => {
    const opened = pairs.flatMap(({ from, to }) =>
      [opsPort, httpPort, metricsPort]
        .filter((port) => open(podOf(from), podOf(to), port))
        .map((port) => arrow(from, to, port)),
    );
    expect(opened).toEqual(['ops -> gateway:50052']);
  });

  it('let callers in at the gateway and at the edge of order, metrics be read, and nobody else in', () => {
    const [caller, metrics, other] = [{ 'ordermesh.dev/caller': 'true' }, { 'ordermesh.dev/metrics': 'true' }, {}];
    const openTo = (from: Place) =>
      services.flatMap((to) =>
        allPorts.filter((port) => open(from, podOf(to), port)).map((port) => `${to.name}:${port}`),
      );
    const forCallers = ['gateway:50051', 'gateway:8080', 'order:8080'].toSorted();
    expect(openTo({ labels: other, namespace: caller }).toSorted()).toEqual(forCallers);
    expect(openTo({ labels: caller, namespace: ownNamespace }).toSorted()).toEqual(forCallers);
    expect(openTo({ labels: other, namespace: metrics })).toEqual(services.map(({ name }) => `${name}:9464`));
    // A label on a pod of another namespace is for its owner to set.
    expect(openTo({ labels: { ...caller, ...metrics }, namespace: other })).toEqual([]);
    expect(openTo({ labels: other, namespace: ownNamespace })).toEqual([]);
    expect(openTo(elsewhere)).toEqual([]);
  });

  it('let each service reach the servers that it has the addresses of, by their ports', () => {
    const servers = [
      { variable: 'DATABASE_URL_FILE', ports: [5432, 6432] },
      { variable: 'EVENTS_URL_FILE', ports: [9092, 9093] },
      { variable: 'TASKS_URL_FILE', ports: [5671, 5672] },
      { variable: 'MAIL_URL_FILE', ports: [465, 587] },
      { variable: 'CARRIER_URL_FILE', ports: [443] },
    ];
    const named = policies.flatMap(({ spec }) => spec.egress ?? []).flatMap(({ ports = [] }) => ports);
    // A rule without ports opens the first one too.
    const mentioned = [...new Set([1, ...named.map(({ port }) => port)])].toSorted((a, b) => a - b);
    for (const service of services) {
      const variables = variablesOf(deployments.get(service.name));
      const isFinder = finders.has(service.name);
      const needed = servers.filter(({ variable }) => variables.includes(variable)).flatMap(({ ports }) => ports);
      // The API server.
      const ports = new Set([...needed, ...(isFinder ? [443, 6443] : [])]);
      const opened = mentioned.filter((port) => open(podOf(service), elsewhere, port));
      expect([service.name, opened]).toEqual([service.name, [...ports].toSorted((a, b) => a - b)]);
    }
  });

  it('let those reach RabbitMQ, and have its URL, whose code uses tasks', () => {
    const withUrl = services.filter(({ name }) => variablesOf(deployments.get(name)).includes('TASKS_URL_FILE'));
    const reaching = services.filter((service) => [5671, 5672].some((port) => open(podOf(service), elsewhere, port)));
    expect(new Set(withUrl.map(({ name }) => name))).toEqual(taskUsers);
    expect(new Set(reaching.map(({ name }) => name))).toEqual(taskUsers);
    expect(taskUsers).toEqual(new Set(['notification', 'ops']));
  });

  /** What the pods have in the environment, as the patches for their labels say: servers.yaml and tasks.yaml. */
  function variablesOf(deployment: Manifest | undefined): readonly string[] {
    if (!deployment) throw new Error('a service has no Deployment');
    const own = (container(deployment).env ?? []).map(({ name }) => name);
    const labels = Object.keys(deployment.metadata.labels ?? {});
    const servers = labels.includes('ordermesh.dev/servers') ? [] : ['DATABASE_URL_FILE', 'EVENTS_URL_FILE'];
    return [...own, ...servers, ...(labels.includes('ordermesh.dev/tasks') ? ['TASKS_URL_FILE'] : [])];
  }

  it('let all ask for names, at the DNS server of the cluster only', () => {
    const dns: Place = {
      labels: { 'k8s-app': 'kube-dns' },
      namespace: { 'kubernetes.io/metadata.name': 'kube-system' },
    };
    const asks = (to: Place) =>
      services.filter((from) => reaches(policies, { from: podOf(from), to, port: 53, protocol: 'UDP' })).length;
    expect([asks(dns), asks({ address: '169.254.20.10' }), asks(elsewhere)]).toEqual([
      services.length,
      services.length,
      0,
    ]);
  });

  it('let pods with tokens to check reach their issuer in the overlay production', async () => {
    const issuer = await readManifests('overlays/production/issuer.yaml');
    for (const from of services)
      expect(reaches([...policies, ...issuer], { from: podOf(from), to: elsewhere, port: 443 })).toBe(true);
  });
});
