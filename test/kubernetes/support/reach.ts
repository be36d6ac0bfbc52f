import { BlockList, isIPv4 } from 'node:net';
import type { Manifest, Peer, Peers, Selector } from './manifests.ts';

/** One end of a connection: a pod with its labels and those of its namespace, or an address outside of the cluster. */
export type Place = { readonly labels: Labels; readonly namespace: Labels } | { readonly address: string };

export type Labels = Readonly<Record<string, string>>;

/** Where the policies under test are. */
export const ownNamespace: Labels = { 'kubernetes.io/metadata.name': 'production' };

/**
 * Whether the policies of the namespace `production` let `from` connect to a port of `to`, as Kubernetes defines it: a pod that a
 * policy selects for a direction may do what one of these policies allows; one that none selects may do everything.
 * https://kubernetes.io/docs/concepts/services-networking/network-policies/
 */
export function reaches(
  policies: readonly Manifest[],
  { from, to, port, protocol = 'TCP' }: { from: Place; to: Place; port: number; protocol?: string },
): boolean {
  const allows = (direction: 'Ingress' | 'Egress', own: Place, other: Place) => {
    if (!isOwnPod(own)) return true;
    const selecting = policies.filter(
      ({ spec }) => spec.policyTypes?.includes(direction) && selects(spec.podSelector, own.labels),
    );
    const rules = selecting.flatMap(({ spec }) => (direction === 'Ingress' ? spec.ingress : spec.egress) ?? []);
    return selecting.length === 0 || rules.some((rule) => matches(rule, other, port, protocol));
  };
  return allows('Egress', from, to) && allows('Ingress', to, from);
}

function isOwnPod(place: Place): place is Extract<Place, { labels: Labels }> {
  return 'labels' in place && place.namespace === ownNamespace;
}

function matches({ from, to, ports }: Peers, other: Place, port: number, protocol: string): boolean {
  const hasPort = ports === undefined || ports.some((one) => one.port === port && (one.protocol ?? 'TCP') === protocol);
  const peers = from ?? to;
  return hasPort && (peers === undefined || peers.some((peer) => isPeer(peer, other)));
}

function isPeer({ podSelector, namespaceSelector, ipBlock }: Peer, place: Place): boolean {
  if (ipBlock) return 'address' in place && isWithin(ipBlock.cidr, place.address);
  if ('address' in place) return false;
  const isThere = namespaceSelector ? selects(namespaceSelector, place.namespace) : place.namespace === ownNamespace;
  return isThere && selects(podSelector, place.labels);
}

function isWithin(cidr: string, address: string): boolean {
  const [network = '', bits] = cidr.split('/');
  const list = new BlockList();
  list.addSubnet(network, Number(bits), isIPv4(network) ? 'ipv4' : 'ipv6');
  return list.check(address, isIPv4(address) ? 'ipv4' : 'ipv6');
}

function selects({ matchLabels = {}, matchExpressions = [] }: Selector = {}, labels: Labels): boolean {
  const hasLabels = Object.entries(matchLabels).every(([key, value]) => labels[key] === value);
  return hasLabels && matchExpressions.every(({ key, operator, values }) => isMet(operator, values, labels[key]));
}

function isMet(operator: string, values: readonly string[], value: string | undefined): boolean {
  if (operator === 'In') return value !== undefined && values.includes(value);
  if (operator === 'NotIn') return value === undefined || !values.includes(value);
  throw new Error(`operator ${operator} is not known here: add it to reach.ts`);
}
