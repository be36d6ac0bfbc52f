import { atMostOfPeer, type Benchmark, compared, type Figure, versusPeer } from './figure.ts';
import {
  connect,
  edge,
  fastify,
  grpc,
  startContenders,
  transcoder,
  type UserContender,
} from './support/edge/contenders.ts';
import { listingFigures } from './support/edge/listing.ts';
import { contest, type Rate } from './support/engines/contest.ts';
import { median, percentile } from './support/rates.ts';

const latencyRounds = 3;
const latencySeconds = 3;

/** GET of a user through the edge, next to a route by hand, Envoy's transcoder, Connect and gRPC; and a long list. */
export const benchEdge: Benchmark = async () => [...(await getFigures()), ...(await listingFigures())];

async function getFigures(): Promise<Figure[]> {
  await using stack = new AsyncDisposableStack();
  const contenders = await startContenders(stack);
  const rates = await contest(contenders, { warmUp: 20_000, rounds: 5, seconds: 1.5 });
  const figures = [...rateFigures(rates), ...latencyFigures(await callAtHalfLoad(contenders, rates))];
  if (rates.has(transcoder)) return figures;
  console.error('\n!!! ENVOY IS NOT INSTALLED and was not measured. Run "make deps-edge".\n');
  return [...figures, { name: 'Envoy', value: 'not installed', target: 'measured', met: false }];
}

function rateFigures(rates: ReadonlyMap<string, Rate>): Figure[] {
  const of = (name: string) => rates.get(name)?.ofCore ?? Number.NaN;
  return [
    compared('GET /api/users/{id}, requests/s of one core, vs Fastify by hand', of(edge), of(fastify), 0.5),
    ...(rates.has(transcoder) ? [compared("  vs Envoy's transcoder", of(edge), of(transcoder), 1)] : []),
    versusPeer('  vs the call by Connect, to the same process', of(edge), of(connect)),
    versusPeer('  vs the call by gRPC', of(edge), of(grpc)),
  ];
}

interface Latency {
  readonly p50: number;
  readonly p99: number;
}

/** Each at half of its own maximum, in alternating rounds; the first does not count. In milliseconds. */
async function callAtHalfLoad(
  contenders: readonly UserContender[],
  rates: ReadonlyMap<string, Rate>,
): Promise<ReadonlyMap<string, Latency>> {
  const found = contenders.map((contender) => ({ contender, p50: [] as number[], p99: [] as number[] }));
  for (let round = 0; round <= latencyRounds; round += 1) {
    for (const { contender, p50, p99 } of found) {
      const perSecond = (rates.get(contender.name)?.ofCore ?? Number.NaN) / 2;
      const timesMs = await contender.latenciesMs(perSecond, latencySeconds);
      if (round === 0) continue;
      p50.push(percentile(timesMs, 0.5));
      p99.push(percentile(timesMs, 0.99));
    }
  }
  return new Map(found.map(({ contender, p50, p99 }) => [contender.name, { p50: median(p50), p99: median(p99) }]));
}

/** Who does half of the work in the same time may take twice as long for one call. */
const maxRatios: Readonly<Record<string, number>> = { [fastify]: 2, [transcoder]: 1 };

function latencyFigures(latencies: ReadonlyMap<string, Latency>): Figure[] {
  const ours = latencies.get(edge) ?? { p50: Number.NaN, p99: Number.NaN };
  return [...latencies].slice(1).flatMap(([name, { p50, p99 }]) => {
    const maxRatio = maxRatios[name];
    const last = atMostOfPeer('  and 99th percentile', ours.p99, p99, maxRatio ?? 0, 'ms');
    return [
      { ...atMostOfPeer(`  median at half load, vs ${name}`, ours.p50, p50, 0, 'ms'), target: '' },
      maxRatio === undefined ? { ...last, target: '' } : last,
    ];
  });
}
