import { networkInterfaces } from 'node:os';
import { type KubernetesApi, startKubernetesApi } from '../../../testing/servers/kubernetes-api.ts';

/** EndpointSlices must not have addresses of the loopback range. scripts/registries/in-namespace.sh has others. */
const subnet = '10.77.0';

/** Whether this test runs where `make verify-registries` runs it. */
export const isVerification =
  process.env.VERIFY_REGISTRIES === '1' &&
  Object.values(networkInterfaces()).some((list) => list?.some(({ address }) => address === `${subnet}.1`));

/** A Kubernetes with the Service `test-service`, whose EndpointSlices a test writes. */
export interface TestCluster {
  readonly api: KubernetesApi;
  /** The host of the pod with this number, from 1. */
  host(pod: number): string;
  /** Makes these the pods of the Service. Those of `draining` terminate. */
  enter(addresses: readonly string[], draining: readonly string[]): Promise<void>;
}

const slices = '/apis/discovery.k8s.io/v1/namespaces/mesh/endpointslices';

/** Starts one, with a headless Service and no pods. */
export async function startTestCluster(): Promise<TestCluster> {
  const api = await startKubernetesApi();
  await api.ask('POST', '/api/v1/namespaces/mesh/services', {
    metadata: { name: 'test-service' },
    spec: { clusterIP: 'None', ports: [{ name: 'grpc', port: 50051, protocol: 'TCP' }] },
  });
  const written = new Set<string>();
  return {
    api,
    host: (pod) => `${subnet}.${pod}`,
    async enter(addresses, draining) {
      // One slice a pod: there is no limit below which Kubernetes would use one for all.
      const wanted = new Map([...addresses, ...draining].map((address) => [nameOf(address), address]));
      for (const name of written) {
        if (wanted.has(name)) continue;
        await api.ask('DELETE', `${slices}/${name}`);
        written.delete(name);
      }
      for (const [name, address] of wanted) {
        const slice = sliceOf(name, address, draining.includes(address));
        if (written.has(name)) await api.ask('PUT', `${slices}/${name}`, slice);
        else await api.ask('POST', slices, slice);
        written.add(name);
      }
    },
  };
}

const nameOf = (address: string) => `test-service-${address.replaceAll(/[.:]/g, '-')}`;

function sliceOf(name: string, address: string, isDraining: boolean): object {
  const [host, port] = address.split(':');
  return {
    metadata: { name, labels: { 'kubernetes.io/service-name': 'test-service' } },
    addressType: 'IPv4',
    ports: [{ name: 'grpc', port: Number(port), protocol: 'TCP' }],
    endpoints: [{ addresses: [host], conditions: { ready: !isDraining, serving: true, terminating: isDraining } }],
  };
}
