import { writeFile } from 'node:fs/promises';
import { atMostVersusPeer, type Benchmark, type Figure } from './figure.ts';
import { type BuiltProgram, builtPeers, isBuilt } from './support/engines/built-peers.ts';
import { answering, calling, listing } from './support/engines/contenders.ts';
import { contest, type Rate } from './support/engines/contest.ts';
import {
  answerFigures,
  barsOf,
  clientFigures,
  latencyFigures,
  listFigures,
  packageFigures,
} from './support/engines/figures.ts';
import { idleConnectionKb } from './support/engines/idle-connections.ts';
import { slowestPercent } from './support/engines/latency.ts';
import {
  grpcJs,
  grpcPackage,
  native,
  niceGrpc,
  type Peer,
  startPeers,
  startUsers,
  streaming,
} from './support/engines/peers.ts';
import { drawBars } from './support/plot.ts';

const plot = new URL('./engines.svg', import.meta.url);

/** The native engine and its peers, each with the same users in memory. */
export const benchEngines: Benchmark = async () => {
  return [...(await onRunningPeers()), await idleConnections(), ...missingPeers()];
};

function missingPeers(): Figure[] {
  const missing = Object.entries(builtPeers).filter(([program]) => !isBuilt(program as BuiltProgram));
  return missing.map(([, { name, command }]) => {
    console.error(`\n!!! ${name.toUpperCase()} IS NOT BUILT and was not measured. Run "${command}".\n`);
    return { name, value: 'not built', target: 'measured', met: false };
  });
}

async function onRunningPeers(): Promise<Figure[]> {
  await using stack = new AsyncDisposableStack();
  const peers = await startPeers(stack);
  const answers = await contest([...peers.values()].map(answering), { warmUp: 40_000, rounds: 3, seconds: 1.5 });
  await writeFile(plot, drawBars('GetUser, calls per second of one core', barsOf(answers)));
  const streamers = [...peers.values()].filter(({ name }) => streaming.includes(name));
  const lists = await contest(streamers.map(listing), { warmUp: 5, rounds: 5, seconds: 0.5 });
  return [
    ...answerFigures(answers),
    ...listFigures(lists),
    ...packageFigures(answers, lists),
    ...clientFigures(await callServers(peers)),
    ...latencyFigures(await callAtHalfLoad(peers, answers)),
  ];
}

/** Client and server of the same engine, each in its own process. */
async function callServers(peers: ReadonlyMap<string, Peer>): Promise<ReadonlyMap<string, Rate>> {
  await using stack = new AsyncDisposableStack();
  const contenders = [
    calling(serverOf(peers, native), 'native-caller.ts', stack),
    calling(serverOf(peers, niceGrpc), 'nice-grpc-caller.ts', stack),
    calling(serverOf(peers, grpcPackage), 'package-caller.ts', stack),
  ];
  return await contest(contenders, { warmUp: 40_000, rounds: 3, seconds: 1.5 });
}

/** Each at half of its maximum, then ours at half of the maximum of grpc-js. */
async function callAtHalfLoad(peers: ReadonlyMap<string, Peer>, answers: ReadonlyMap<string, Rate>) {
  const [ours, peer] = [serverOf(peers, native), serverOf(peers, grpcJs)];
  const half = (name: string) => (answers.get(name)?.ofCore ?? Number.NaN) / 2;
  return await slowestPercent([
    { server: ours.server, perSecond: half(native) },
    { server: peer.server, perSecond: half(grpcJs) },
    { server: ours.server, perSecond: half(grpcJs) },
  ]);
}

/** The memory of an idle connection, on servers that have done nothing else. */
async function idleConnections(): Promise<Figure> {
  const measure = async (main: string) => {
    await using server = await startUsers(main, 1);
    return await idleConnectionKb(server);
  };
  const [ours, peers] = [await measure('native-users.ts'), await measure('grpc-js-users.ts')];
  return atMostVersusPeer('memory of an idle connection', ours, peers, 40, 'KB');
}

function serverOf(peers: ReadonlyMap<string, Peer>, name: string): Peer {
  const peer = peers.get(name);
  if (!peer) throw new Error(`unknown peer ${name}`);
  return peer;
}
