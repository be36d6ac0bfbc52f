import { type Benchmark, below, compared, type Figure, versusPeer } from './figure.ts';
import {
  edge,
  fastify,
  grpc,
  type HttpContender,
  startContenders,
  startEdge,
  transcoder,
  userPath,
} from './support/edge/contenders.ts';
import { listingFigures } from './support/edge/listing.ts';
import { openHttpLoop } from './support/edge/open-loop.ts';
import { type Contender, contest, type Rate } from './support/engines/contest.ts';
import { median, percentile } from './support/rates.ts';

const latencyRounds = 3;
const latencySeconds = 3;

/** GET of a user through the edge, next to a route by hand, Envoy's transcoder, and the call by gRPC; and a long list. */
export const benchEdge: Benchmark = async () => [...(await getFigures()), ...(await listFigures())];

async function listFigures(): Promise<Figure[]> {
  await using stack = new AsyncDisposableStack();
  return await listingFigures(await startEdge(stack, 100_000));
}

async function getFigures(): Promise<Figure[]> {
  await using stack = new AsyncDisposableStack();
  const contenders = await startContenders(stack);
  const rates = await contest(contenders, { warmUp: 20_000, rounds: 5, seconds: 1.5 });
  const http = contenders.filter((contender): contender is HttpContender => 'address' in contender);
  return [...rateFigures(rates), ...(await latencyFigures(http, rates)), ...missing(contenders)];
}

function rateFigures(rates: ReadonlyMap<string, Rate>): Figure[] {
  const of = (name: string) => rates.get(name)?.ofCore ?? Number.NaN;
  return [
    compared('GET /api/users/{id}, requests/s of one core, vs Fastify by hand', of(edge), of(fastify), 0.5),
    ...(rates.has(transcoder) ? [compared("  vs Envoy's transcoder", of(edge), of(transcoder), 1)] : []),
    versusPeer('  vs the call by gRPC', of(edge), of(grpc)),
  ];
}

/** Each at half of its own maximum, in alternating rounds; the first does not count. */
async function latencyFigures(http: readonly HttpContender[], rates: ReadonlyMap<string, Rate>): Promise<Figure[]> {
  const found = new Map(http.map(({ name }) => [name, { p50: [] as number[], p99: [] as number[] }]));
  for (let round = 0; round <= latencyRounds; round += 1) {
    for (const { name, address } of http) {
      const perSecond = (rates.get(name)?.ofCore ?? Number.NaN) / 2;
      const timesMs = await openHttpLoop({ address, path: userPath, perSecond, seconds: latencySeconds });
      if (round === 0) continue;
      found.get(name)?.p50.push(percentile(timesMs, 0.5));
      found.get(name)?.p99.push(percentile(timesMs, 0.99));
    }
  }
  const of = (name: string, share: 'p50' | 'p99') => median(found.get(name)?.[share] ?? []);
  return http.slice(1).flatMap(({ name }) => [
    { ...below(`  median at half load, vs ${name}`, of(edge, 'p50'), of(name, 'p50'), 'ms'), target: '' },
    { ...below('  and 99th percentile', of(edge, 'p99'), of(name, 'p99'), 'ms'), target: '' },
  ]);
}

function missing(contenders: readonly Contender[]): Figure[] {
  if (contenders.some(({ name }) => name === transcoder)) return [];
  console.error('\n!!! ENVOY IS NOT INSTALLED and was not measured. Run "make deps-edge".\n');
  return [{ name: 'Envoy', value: 'not installed', target: 'measured', met: false }];
}
