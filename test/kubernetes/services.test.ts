import { beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { processSettings } from '../../mesh/config/process-settings.ts';
import { variablesOf } from '../../mesh/config/setting-files.ts';
import { contractDescriptors, readDeclaredServices } from '../../mesh/contract/declared-services.ts';
import { processName } from '../../mesh/server/health/names.ts';
import { runnableServices } from '../../services/all.ts';
import { declaredClients } from './support/declared-clients.ts';
import { container, type Manifest, only, readManifests, readText } from './support/manifests.ts';

// The edge has no process of its own: it is in those of order and of the gateway.
const services = runnableServices.filter(({ name }) => name !== 'edge');
const label = 'app.kubernetes.io/name';
type Named = Pick<(typeof services)[number], 'name' | 'discoveryName'>;
const discoveryNameOf = ({ name, discoveryName = name }: Named) => discoveryName;
const serviceNameOf = (service: Named) => `${discoveryNameOf(service)}-service`;
/** They call all services, and those of others that the registry lists. */
const callsAll = (name: string) => name === 'ops' || name === 'gateway';

describe('deploy/kubernetes/base/services', () => {
  /** What each service calls, by the name that discovery has for it. */
  let clients: ReadonlyMap<string, readonly string[]>;
  let contracts: readonly string[];
  let pod: Manifest;
  beforeAll(async () => {
    contracts = await readDeclaredServices(contractDescriptors);
    const found = services.map(
      async ({ name }) => [name, (await declaredClients(name)).map(({ service }) => service)] as const,
    );
    clients = new Map(await Promise.all(found));
    pod = only(await readManifests('base/pod.yaml'), 'Deployment');
  });

  it('has a file for each service that runs by itself, in the list of resources', async () => {
    const { resources } = parse(await readText('base/kustomization.yaml')) as { readonly resources: string[] };
    const listed = resources.filter((path) => path.startsWith('services/'));
    expect(listed).toEqual(services.map(({ name }) => `services/${name}.yaml`).toSorted());
  });

  describe.each(services.map((service) => [service.name, service] as const))('%s', (name, service) => {
    let manifests: Manifest[];
    beforeAll(async () => {
      manifests = await readManifests(`base/services/${name}.yaml`);
    });

    it('has one Deployment, which runs it, one budget and one policy of its name', () => {
      for (const kind of ['Deployment', 'PodDisruptionBudget', 'NetworkPolicy'])
        expect(only(manifests, kind).metadata.name).toBe(name);
      const deployment = only(manifests, 'Deployment');
      expect(container(deployment).args?.[0]).toBe(name);
      expect(deployment.spec.selector.matchLabels).toEqual({ [label]: name });
      expect(deployment.spec.template.metadata.labels).toEqual({ [label]: name });
      expect(only(manifests, 'PodDisruptionBudget').spec.selector.matchLabels).toEqual({ [label]: name });
      expect(only(manifests, 'NetworkPolicy').spec.podSelector?.matchLabels).toEqual({ [label]: name });
    });

    it('is found by the name that discovery asks for, each pod by its address if it is found by DNS', () => {
      const found = only(manifests, 'Service', serviceNameOf(service));
      expect(found.spec.selector).toEqual({ [label]: name });
      expect(found.spec.ports.map(({ name }) => name)).toContain('grpc');
      const isCalled = [...clients.values()].some((called) => called.includes(discoveryNameOf(service)));
      if (isCalled) expect(found.spec.clusterIP).toBe('None');
    });

    it('is probed by health names that exist', () => {
      const own = container(only(manifests, 'Deployment'));
      const common = container(pod);
      const nameOf = (probe: 'startupProbe' | 'readinessProbe' | 'livenessProbe') =>
        own[probe]?.grpc?.service ?? common[probe]?.grpc?.service ?? '';
      expect([nameOf('startupProbe'), nameOf('livenessProbe')]).toEqual([processName, processName]);
      const readiness = nameOf('readinessProbe');
      const ownContracts = contracts.filter((contract) => contract.startsWith(`${discoveryNameOf(service)}.`));
      expect(['', ...ownContracts]).toContain(readiness);
    });

    it('finds whom it calls', () => {
      const { env = [] } = container(only(manifests, 'Deployment'));
      const discovery = env.find(({ name }) => name === 'DISCOVERY_URL')?.value;
      const isCaller = clients.get(name)?.length !== 0;
      expect(discovery).toBe(callsAll(name) ? 'k8s-api:' : isCaller ? 'dns:<service>-service:50051' : undefined);
    });

    it('has settings that exist', () => {
      const known = variablesOf([...Object.values(processSettings), ...service.settings]);
      const { env = [] } = container(only(manifests, 'Deployment'));
      for (const variable of env) expect(known).toContain(variable.name);
    });
  });
});
