import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { parseAllDocuments } from 'yaml';
import { kustomize } from '../../../mesh/testing/servers/go-tools.ts';

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
  readonly envFrom?: readonly { readonly configMapRef: { readonly name: string } }[];
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
  readonly volumes?: readonly { readonly name: string; readonly secret?: SecretVolume }[];
  readonly topologySpreadConstraints?: readonly {
    readonly topologyKey: string;
    readonly whenUnsatisfiable: string;
    readonly labelSelector: { readonly matchLabels: Readonly<Record<string, string>> };
    readonly matchLabelKeys: readonly string[];
  }[];
}

export interface SecretVolume {
  readonly secretName: string;
  readonly optional?: boolean;
}

export interface Selector {
  readonly matchLabels?: Readonly<Record<string, string>>;
  readonly matchExpressions?: readonly {
    readonly key: string;
    readonly operator: string;
    readonly values: readonly string[];
  }[];
}

/** One of those who may be at the other end. */
export interface Peer {
  readonly podSelector?: Selector;
  readonly namespaceSelector?: Selector;
  readonly ipBlock?: { readonly cidr: string };
}

/** What may be at the other end of a connection, in a network policy. */
export interface Peers {
  readonly from?: readonly Peer[];
  readonly to?: readonly Peer[];
  readonly ports?: readonly { readonly port: number; readonly protocol?: string }[];
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
    /** Of a budget. */
    readonly minAvailable?: number;
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

/** The objects of an overlay, as text, as they are applied. */
export async function renderOverlay(overlay: string): Promise<string> {
  const path = fileURLToPath(new URL(`overlays/${overlay}`, folder));
  return (await promisify(execFile)(kustomize.path, ['build', path])).stdout;
}

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
