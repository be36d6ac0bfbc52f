import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isVerification } from '../../mesh/discovery/kubernetes/testing/cluster.ts';
import { type KubernetesApi, startKubernetesApi } from '../../mesh/testing/servers/kubernetes-api.ts';
import { type ApiClient, createApiClient } from './support/api-client.ts';
import { type Manifest, only, parseManifests, renderOverlay } from './support/manifests.ts';

// The servers are built by `make verify-registries`.
describe.runIf(isVerification)('deploy/kubernetes, applied to the API server', () => {
  let api: KubernetesApi;
  let client: ApiClient;
  beforeAll(async () => {
    api = await startKubernetesApi();
    client = createApiClient(api);
  });
  afterAll(() => api[Symbol.asyncDispose]());

  const nameOf = ({ kind, metadata }: Manifest) => `${kind} ${metadata.name}`;

  describe.each(['plain', 'production'])('%s', (overlay) => {
    let objects: readonly Manifest[];
    beforeAll(async () => {
      objects = parseManifests(await renderOverlay(overlay));
    });

    it('is accepted, object by object and without warnings, and applied again changes nothing', async () => {
      expect(objects.length).toBeGreaterThan(50);
      for (const object of objects) {
        const first = await client.apply(object);
        expect([nameOf(object), first.body.message, first.warning]).toEqual([nameOf(object), undefined, undefined]);
        const second = await client.apply(object);
        expect(second.status).toBe(200);
        expect(second.body.metadata?.resourceVersion).toBe(first.body.metadata?.resourceVersion);
      }
    });

    it('has pods that the namespace admits: it enforces the standard "restricted"', async () => {
      const pods = objects.filter(({ kind }) => kind === 'Deployment').map(podOf);
      expect(pods.length).toBeGreaterThan(5);
      for (const pod of pods) {
        const { status, body } = await client.apply(pod, { dryRun: true });
        expect([nameOf(pod), status, body.message]).toEqual([nameOf(pod), 201, undefined]);
      }
    });

    it('lets gateway and ops list and watch endpoint slices, and nothing else, and other pods nothing', async () => {
      const [discovery, mesh] = ['discovery', 'mesh'].map((name) => `system:serviceaccount:production:${name}`);
      const slices = ['endpointslices', 'discovery.k8s.io'] as const;
      const answers = (user = '') =>
        Promise.all([
          client.canI(user, 'list', ...slices),
          client.canI(user, 'watch', ...slices),
          client.canI(user, 'update', ...slices),
          client.canI(user, 'get', 'secrets'),
          client.canI(user, 'list', 'pods'),
        ]);
      expect(await answers(discovery)).toEqual([true, true, false, false, false]);
      expect(await answers(mesh)).toEqual([false, false, false, false, false]);
    });

    it('can be deleted again', async () => {
      // The namespace is emptied and removed by a controller, which is not part of the API server.
      for (const object of objects.filter(({ kind }) => kind !== 'Namespace').toReversed()) {
        const { status, body } = await client.delete(object);
        expect([nameOf(object), status, body.message]).toEqual([nameOf(object), 200, undefined]);
        expect((await client.get(object)).status).toBe(404);
      }
    });
  });

  describe('a manifest with a mistake is refused:', () => {
    let objects: readonly Manifest[];
    beforeAll(async () => {
      objects = parseManifests(await renderOverlay('plain'));
      expect((await client.apply(only(objects, 'Namespace'))).body.message).toBeUndefined();
    });

    const podSpec = ['spec', 'template', 'spec', 'containers', '0'];
    it.each<[string, string, readonly string[], unknown, RegExp]>([
      ['a field that there is not', 'Service user-service', ['spec', 'clusterIp'], 'None', /clusterIp/],
      ['a value of the wrong type', 'Deployment user', ['spec', 'replicas'], 'two', /replicas/],
      ['a port out of range', 'Service user-service', ['spec', 'ports', '0', 'port'], 65_536, /ports\[0\]\.port/],
      [
        'a selector that its own pods do not have',
        'Deployment user',
        ['spec', 'selector', 'matchLabels', 'app.kubernetes.io/name'],
        'order',
        /selector/,
      ],
      [
        'two ways to probe at once',
        'Deployment user',
        [...podSpec, 'livenessProbe', 'exec'],
        { command: ['true'] },
        /livenessProbe.* may not specify more than 1 handler type/,
      ],
      [
        'a volume that there is not',
        'Deployment user',
        [...podSpec, 'volumeMounts', '0', 'name'],
        'disk',
        /volumeMounts.*disk/,
      ],
      [
        'both limits of a budget',
        'PodDisruptionBudget user',
        ['spec', 'minAvailable'],
        1,
        /minAvailable and maxUnavailable cannot be both set/,
      ],
      [
        'an operator that there is not',
        'NetworkPolicy databases',
        ['spec', 'podSelector', 'matchExpressions', '0', 'operator'],
        'Is',
        /operator/,
      ],
    ])('%s', async (_, name, path, value, problem) => {
      const object = objects.find((one) => nameOf(one) === name) ?? expect.fail(`there is no ${name}`);
      expect((await client.apply(object, { dryRun: true })).body.message).toBeUndefined();
      const { status, body } = await client.apply(withValue(object, path, value), { dryRun: true });
      expect(body.message).toMatch(problem);
      expect(status).toBeGreaterThanOrEqual(400);
    });

    it('a pod that may become root is not admitted', async () => {
      const path = ['spec', 'containers', '0', 'securityContext', 'allowPrivilegeEscalation'];
      const pod = withValue(podOf(only(objects, 'Deployment', 'user')), path, true);
      const { status, body } = await client.apply(pod, { dryRun: true });
      expect(status).toBe(403);
      expect(body.message).toMatch(/PodSecurity "restricted.*allowPrivilegeEscalation/);
    });
  });
});

/** A copy with another value at the end of a path, of any type. */
function withValue(object: Manifest, path: readonly string[], value: unknown): Manifest {
  const copy = structuredClone(object);
  const parent = path.slice(0, -1).reduce<object>((within, key) => Reflect.get(within, key), copy);
  Reflect.set(parent, path.at(-1) ?? '', value);
  return copy;
}

/** A pod as the Deployment would create it. */
function podOf({ metadata: { name, namespace }, spec }: Manifest): Manifest {
  const { metadata, spec: podSpec } = spec.template;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace, ...metadata },
    spec: podSpec,
  } as unknown as Manifest;
}
