import {
  ConsumerGroup,
  ConsumerServiceDefinition,
  type ListConsumersResponse,
  type ReplayConsumerRequest,
  ReplayProgress,
} from '#gen/ops/v1/consumer.ts';
import { type ExitCode, exitCode } from '../../examples/support/failures.ts';
import { createProgress, silentProgress } from '../../examples/support/progress.ts';
import { withCommandsHere } from '../../mesh/errors/commands-here.ts';
import { escapeControls, formatTable } from '../support/format.ts';
import { type Cli, type Command, count, printJson, readArgs, UsageError } from './cli.ts';

/** Lists consumer groups, or lets one read events again. Exits with 1 if events became dead letters or were too old. */
export const replayCommand: Command = {
  name: 'replay',
  summary: 'list the consumer groups, or let one read events again',
  usage: `                                list the groups and how far behind they are
<group>                         read from the beginning
<group> --from <time>           read from a time, such as 2026-11-28T12:00:00Z
<group> --from <offsets>        read from offsets: <partition>=<offset>,... (other partitions: from the beginning)
        --topic <topic>         read only this topic of the group
        --note <why>            the reason, for the record: required where calls are authenticated

A replay is safe to repeat: events that took effect before are passed over. Ctrl-C ends it.`,
  async run(args, cli) {
    const { values, positionals } = readArgs(args, {
      from: { type: 'string' },
      topic: { type: 'string' },
      note: { type: 'string' },
    });
    const [group, ...others] = positionals;
    if (others.length > 0) throw new UsageError('only one group can be replayed at a time');
    const consumers = cli.client(ConsumerServiceDefinition);
    if (group === undefined) {
      if (Object.keys(values).length > 0) throw new UsageError('--from and --topic require the name of a group');
      return listGroups(await consumers.listConsumers({}), cli);
    }
    const { from = 'beginning', topic = '', note: reason = '' } = values;
    return await showReplay(consumers.replayConsumer({ group, topic, from: readStart(from), reason }), cli);
  },
};

function readStart(text: string): ReplayConsumerRequest['from'] {
  if (text === 'beginning') return undefined;
  if (/^\d+=\d+(,\d+=\d+)*$/.test(text)) {
    const pairs = text.split(',').map((pair) => pair.split('='));
    const byPartition = Object.fromEntries(pairs.map(([partition, offset = '']) => [partition, BigInt(offset)]));
    return { $case: 'offsets', value: { byPartition } };
  }
  const time = new Date(text);
  if (Number.isNaN(time.getTime()))
    throw new UsageError(
      `invalid --from ${text}: use a time such as 2026-11-28T12:00:00Z, or offsets such as 0=17,1=4`,
    );
  return { $case: 'time', value: time };
}

function listGroups({ groups }: ListConsumersResponse, cli: Cli): ExitCode {
  if (cli.json) for (const group of groups) printJson(cli, 'ConsumerGroup', ConsumerGroup, group);
  else if (groups.length === 0) cli.print('no consumer groups');
  else for (const line of groupTable(groups)) cli.print(line);
  return exitCode.done;
}

function groupTable(groups: readonly ConsumerGroup[]): string[] {
  const rows = groups.flatMap(({ group, service, positions }) =>
    [...Map.groupBy(positions, ({ topic }) => topic)].map(([topic, its]) => {
      const behind = its.reduce((sum, { eventsBehind }) => sum + eventsBehind, 0n);
      const offsets = its.map(
        ({ partition, nextOffset, endOffset }) => `${partition}=${nextOffset ?? '-'}/${endOffset}`,
      );
      return [group, service, topic, `${behind}`, offsets.join(' ')];
    }),
  );
  return formatTable([['GROUP', 'SERVICE', 'TOPIC', 'EVENTS BEHIND', 'NEXT/END BY PARTITION'], ...rows]);
}

/** Shows the progress of a replay, then its result. */
async function showReplay(replay: AsyncIterable<ReplayProgress>, cli: Cli): Promise<ExitCode> {
  const progress = cli.json ? silentProgress : createProgress();
  let last: ReplayProgress | undefined;
  let waitingFor = '';
  try {
    for await (const each of replay) {
      last = each;
      if (cli.json) printJson(cli, 'ReplayProgress', ReplayProgress, each);
      else if (each.waitingFor !== '' && each.waitingFor !== waitingFor)
        process.stderr.write(`an event waits: ${escapeControls(each.waitingFor)}\n`);
      waitingFor = each.waitingFor;
      if (!each.done) progress.show(progressLine(each));
    }
  } catch (error) {
    if (last && !cli.json) process.stderr.write(`the replay ended early; continue it with ${resumeOptions(last)}\n`);
    throw error;
  }
  if (!last?.done) throw new Error('the replay ended without a result: check the log of the mesh');
  progress.end(progressLine(last));
  if (!cli.json) for (const line of resultLines(last)) cli.print(line);
  return last.eventsDead > 0n || last.eventsTooOld > 0n ? exitCode.attention : exitCode.done;
}

function progressLine({ positions }: ReplayProgress): string {
  const done = positions.reduce((sum, { nextOffset, startOffset }) => sum + nextOffset - startOffset, 0n);
  const all = positions.reduce((sum, { endOffset, startOffset }) => sum + later(endOffset, startOffset), 0n);
  return `${done} of ${all} events`;
}

function later(end: bigint, start: bigint): bigint {
  return end > start ? end - start : 0n;
}

function resultLines({
  eventsApplied,
  eventsKnown,
  eventsIgnored,
  eventsDead,
  eventsTooOld,
  positions,
}: ReplayProgress): string[] {
  const isEmpty = positions.every(({ startOffset, endOffset }) => startOffset >= endOffset);
  if (isEmpty) return ['no events: there are none from this start on, so it is at or after the end'];
  const lines = [
    `${count(eventsApplied, 'event')} applied, ${eventsKnown} known before, ${eventsIgnored} ignored by the handler`,
  ];
  if (eventsDead > 0n)
    lines.push(
      withCommandsHere(`${count(eventsDead, 'event')} failed: "make dead-letters" shows the new dead letters`),
    );
  if (eventsTooOld > 0n)
    lines.push(`${count(eventsTooOld, 'event')} not handled: too old to know whether they took effect`);
  return lines;
}

function resumeOptions({ positions }: ReplayProgress): string {
  const open = positions.filter(({ nextOffset, endOffset }) => nextOffset < endOffset);
  const [{ topic } = { topic: '' }] = open;
  const offsets = positions.filter((position) => position.topic === topic);
  return `--topic ${topic} --from ${offsets.map(({ partition, nextOffset }) => `${partition}=${nextOffset}`).join(',')}`;
}
