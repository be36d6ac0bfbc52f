import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isVerification } from '../../mesh/discovery/kubernetes/testing/cluster.ts';
import { kustomize } from '../../mesh/testing/servers/go-tools.ts';
import { type KubernetesApi, startKubernetesApi } from '../../mesh/testing/servers/kubernetes-api.ts';
import { folder, type Manifest, parseManifests } from './support/manifests.ts';

/** Where the API has the objects of each kind, without the namespace. */
const places: Readonly<Record<string, readonly [group: string, plural: string]>> = {
  Namespace: ['api/v1', 'namespaces'],
  ServiceAccount: ['api/v1', 'serviceaccounts'],
  ConfigMap: ['api/v1', 'configmaps'],
  Service: ['api/v1', 'services'],
  Pod: ['api/v1', 'pods'],
  Deployment: ['apis/apps/v1', 'deployments'],
  PodDisruptionBudget: ['apis/policy/v1', 'poddisruptionbudgets'],
  NetworkPolicy: ['apis/networking.k8s.io/v1', 'networkpolicies'],
  Role: ['apis/rbac.authorization.k8s.io/v1', 'roles'],
  RoleBinding: ['apis/rbac.authorization.k8s.io/v1', 'rolebindings'],
};

interface Answer {
  readonly status: number;
  readonly body: { readonly message?: string; readonly metadata?: { readonly resourceVersion?: string } };
}

// The servers are built by `make verify-registries`.
describe.runIf(isVerification)('deploy/kubernetes, applied to the API server', () => {
  let api: KubernetesApi;
  beforeAll(async () => {
    api = await startKubernetesApi();
  });
  afterAll(() => api[Symbol.asyncDispose]());

  /** Applies an object as `kubectl apply --server-side --validate=strict` does: an unknown field is an error. */
  async function apply(object: Manifest, options = ''): Promise<Answer> {
    const { kind, metadata } = object;
    const [group, plural] = places[kind] ?? [];
    const namespace = metadata.namespace === undefined ? '' : `/namespaces/${metadata.namespace}`;
    const query = `fieldManager=ordermesh&fieldValidation=Strict${options}`;
    const sent = request(`https://${api.address}/${group}${namespace}/${plural}/${metadata.name}?${query}`, {
      method: 'PATCH',
      ca: readFileSync(api.caFile),
      headers: {
        authorization: `Bearer ${readFileSync(api.adminTokenFile, 'utf8')}`,
        'content-type': 'application/apply-patch+yaml',
      },
      signal: AbortSignal.timeout(10_000),
    });
    return await new Promise((resolve, reject) => {
      sent.on('error', reject);
      sent.on('response', (response) => {
        text(response).then((body) => resolve({ status: response.statusCode ?? 0, body: JSON.parse(body) }), reject);
      });
      sent.end(JSON.stringify(object));
    });
  }

  describe.each(['plain', 'production'])('%s', (overlay) => {
    let objects: readonly Manifest[];
    beforeAll(() => {
      const path = fileURLToPath(new URL(`overlays/${overlay}`, folder));
      objects = parseManifests(execFileSync(kustomize.path, ['build', path], { encoding: 'utf8' }));
    });

    it('is accepted, object by object, and applied again changes nothing', async () => {
      for (const object of objects) {
        const first = await apply(object);
        expect([object.kind, object.metadata.name, first.body.message]).toEqual([
          object.kind,
          object.metadata.name,
          undefined,
        ]);
        const second = await apply(object);
        expect(second.status).toBe(200);
        expect(second.body.metadata?.resourceVersion).toBe(first.body.metadata?.resourceVersion);
      }
    });

    it('has pods that the namespace admits: it enforces the standard "restricted"', async () => {
      for (const { kind, metadata, spec } of objects) {
        if (kind !== 'Deployment') continue;
        const pod = { apiVersion: 'v1', kind: 'Pod', metadata, spec: spec.template.spec } as unknown as Manifest;
        const { status, body } = await apply(pod, '&dryRun=All');
        expect([metadata.name, status, body.message]).toEqual([metadata.name, 201, undefined]);
      }
    });

    it('would be refused with a field that there is not', async () => {
      const [service] = objects.filter(({ kind }) => kind === 'Service');
      const misspelt = { ...service, spec: { ...service?.spec, clusterIp: 'None' } } as unknown as Manifest;
      const { status, body } = await apply(misspelt);
      expect([status, body.message]).toEqual([expect.any(Number), expect.stringContaining('clusterIp')]);
      expect(status).toBeGreaterThanOrEqual(400);
    });
  });
});
