import type { Metrics } from '../../metrics/metrics.ts';

/** Where calls come in: by gRPC, by a process that forwards them, or over HTTP. */
export type Wire = 'grpc' | 'gateway' | 'http';

/** Returns a function that counts a call that claims an identity over a channel that does not prove it. */
export function createDropCounter(metrics: Metrics): (wire: Wire) => void {
  const counter = metrics.counter(
    'ordermesh_identity_metadata_dropped_total',
    'Calls from outside of the mesh that claimed an identity in mesh-* metadata, which was dropped.',
    ['wire'],
  );
  return (wire) => counter.add({ wire });
}
