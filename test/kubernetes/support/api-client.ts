import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { text } from 'node:stream/consumers';
import type { KubernetesApi } from '../../../mesh/testing/servers/kubernetes-api.ts';
import type { Manifest } from './manifests.ts';

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

export interface Answer {
  readonly status: number;
  /** What `kubectl` shows as warnings: a field that goes away, a pod that would not be admitted. */
  readonly warning: string | undefined;
  readonly body: {
    readonly message?: string;
    readonly metadata?: { readonly resourceVersion?: string; readonly deletionTimestamp?: string };
    readonly status?: { readonly allowed?: boolean };
  };
}

/** What `kubectl` does, as a user that may do everything. */
export interface ApiClient {
  /** As `kubectl apply --server-side --validate=strict`, or with `--dry-run=server`: an unknown field is an error. */
  apply(object: Manifest, options?: { readonly dryRun?: boolean }): Promise<Answer>;
  get(object: Manifest): Promise<Answer>;
  delete(object: Manifest): Promise<Answer>;
  /** As `kubectl auth can-i <verb> <resource> --as=<user>` in the namespace `production`. */
  canI(user: string, verb: string, resource: string, group?: string): Promise<boolean>;
}

export function createApiClient(api: KubernetesApi): ApiClient {
  const ca = readFileSync(api.caFile);
  const authorization = `Bearer ${readFileSync(api.adminTokenFile, 'utf8')}`;
  const send = (method: string, path: string, body?: object): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const type = method === 'PATCH' ? 'application/apply-patch+yaml' : 'application/json';
      const headers = { authorization, 'content-type': type };
      const sent = request(`https://${api.address}${path}`, {
        method,
        ca,
        headers,
        signal: AbortSignal.timeout(10_000),
      });
      sent.on('error', reject);
      sent.on('response', (response) => {
        const [status = 0, warning] = [response.statusCode, response.headers.warning];
        text(response).then((content) => resolve({ status, warning, body: JSON.parse(content) }), reject);
      });
      sent.end(body && JSON.stringify(body));
    });
  return {
    apply: (object, { dryRun = false } = {}) => {
      const options = `fieldManager=ordermesh&fieldValidation=Strict${dryRun ? '&dryRun=All' : ''}`;
      return send('PATCH', `${pathOf(object)}?${options}`, object);
    },
    get: (object) => send('GET', pathOf(object)),
    delete: (object) => send('DELETE', pathOf(object)),
    async canI(user, verb, resource, group = '') {
      const resourceAttributes = { namespace: 'production', verb, resource, group };
      const review = { apiVersion: 'authorization.k8s.io/v1', kind: 'SubjectAccessReview' };
      const spec = { user, resourceAttributes };
      const { body } = await send('POST', '/apis/authorization.k8s.io/v1/subjectaccessreviews', { ...review, spec });
      return body.status?.allowed === true;
    },
  };
}

function pathOf({ kind, metadata: { name, namespace } }: Manifest): string {
  const [group, plural] = places[kind] ?? [];
  if (group === undefined) throw new Error(`kind ${kind} is not known here: add it to api-client.ts`);
  return `/${group}${namespace === undefined ? '' : `/namespaces/${namespace}`}/${plural}/${name}`;
}
