import { readFile } from 'node:fs/promises';
import { parseAllDocuments } from 'yaml';

/** The folder of the manifests. */
export const folder = new URL('../../../deploy/kubernetes/', import.meta.url);

export interface Probe {
  readonly grpc?: { readonly port?: number; readonly service?: string };
  readonly exec?: { readonly command: readonly string[] };
}

export interface Container {
  readonly name: string;
  readonly image?: string;
  readonly args?: readonly string[];
  readonly env?: readonly { readonly name: string; readonly value?: string }[];
  readonly ports?: readonly { readonly name: string; readonly containerPort: number }[];
  readonly startupProbe?: Probe;
  readonly readinessProbe?: Probe;
  readonly livenessProbe?: Probe;
  readonly lifecycle?: { readonly preStop: { readonly sleep: { readonly seconds: number } } };
  readonly resources?: Readonly<Record<'requests' | 'limits', Readonly<Record<string, string>>>>;
  readonly securityContext?: object;
}

export interface PodSpec {
  readonly serviceAccountName?: string;
  readonly automountServiceAccountToken?: boolean;
  readonly terminationGracePeriodSeconds?: number;
  readonly securityContext?: object;
  readonly containers: readonly Container[];
  readonly volumes?: readonly { readonly name: string; readonly secret?: { readonly secretName: string } }[];
}

interface Selector {
  readonly matchLabels?: Readonly<Record<string, string>>;
  readonly matchExpressions?: readonly { readonly key: string; readonly values: readonly string[] }[];
}

/** What may be at the other end of a connection, in a network policy. */
interface Peers {
  readonly from?: readonly { readonly podSelector?: Selector }[];
  readonly to?: readonly { readonly podSelector?: Selector }[];
  readonly ports?: readonly { readonly port: number }[];
}

/** An object of the manifests, as far as tests read it. */
export interface Manifest {
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
  };
  readonly data?: Readonly<Record<string, string>>;
  readonly automountServiceAccountToken?: boolean;
  readonly spec: {
    readonly clusterIP?: string;
    readonly replicas?: number;
    readonly selector: Selector & Readonly<Record<string, string>>;
    readonly ports: readonly { readonly name: string; readonly port: number; readonly targetPort?: string }[];
    readonly strategy?: { readonly rollingUpdate: object };
    readonly template: {
      readonly metadata: { readonly labels: Readonly<Record<string, string>> };
      readonly spec: PodSpec;
    };
    readonly podSelector?: Selector;
    readonly policyTypes?: readonly string[];
    readonly ingress?: readonly Peers[];
    readonly egress?: readonly Peers[];
  };
}

export const readText = (path: string) => readFile(new URL(path, folder), 'utf8');

export function parseManifests(text: string): Manifest[] {
  return parseAllDocuments(text).map((document) => document.toJS() as Manifest);
}

export const readManifests = async (path: string) => parseManifests(await readText(path));

/** The only object of a kind, or with a name too. Throws if there is none. */
export function only(manifests: readonly Manifest[], kind: string, name?: string): Manifest {
  const found = manifests.filter((one) => one.kind === kind && (name === undefined || one.metadata.name === name));
  const [first] = found;
  if (first === undefined || found.length > 1)
    throw new Error(`expected one ${kind}${name === undefined ? '' : ` ${name}`}, found ${found.length}`);
  return first;
}

/** The container of the mesh in a Deployment. */
export function container(deployment: Manifest): Container {
  const [first] = deployment.spec.template.spec.containers;
  if (first === undefined) throw new Error(`${deployment.metadata.name} has no container`);
  return first;
}

/** The names of the services that a policy lets in, or that it lets its pods call, at the port of gRPC. */
export function peersOf(policy: Manifest, direction: 'ingress' | 'egress'): string[] {
  return (policy.spec[direction] ?? [])
    .filter(({ ports = [] }) => ports.some(({ port }) => port === 50_051))
    .flatMap(({ from, to }) => from ?? to ?? [])
    .flatMap(({ podSelector }) => podSelector?.matchExpressions ?? [])
    .flatMap(({ values }) => values)
    .toSorted();
}
