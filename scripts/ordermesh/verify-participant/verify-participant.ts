import { Status } from 'nice-grpc';
import { readAccess } from '../../../examples/support/access.ts';
import { addressProblem, type ExitCode, exitCode } from '../../../examples/support/failures.ts';
import { inRepository } from '../../../mesh/errors/commands-here.ts';
import { escapeControls } from '../../support/format.ts';
import { type Cli, type Command, CommandError, count, readArgs, UsageError } from '../cli.ts';
import { type Answer, type Caller, createCaller } from './caller.ts';
import { cleanUp } from './clean-up.ts';
import { inventoryParticipant } from './contracts/inventory.ts';
import { paymentParticipant } from './contracts/payment.ts';
import { shippingParticipant } from './contracts/shipping.ts';
import type { Participant } from './participant.ts';
import { restartBy } from './restart.ts';
import { describeAnswer } from './rule.ts';
import type { Restart } from './rules/durability.ts';
import { createTestData, type TestData, testIdsIn } from './test-data.ts';
import { type RuleResult, verify } from './verify.ts';

/** The deadline of the slowest methods that sagas call. */
const defaultDeadlineMs = 10_000;

/** Checks a server for what sagas rely on. Exits with 1 if it breaks a rule. */
export const verifyParticipantCommand: Command = {
  name: 'verify-participant',
  summary: 'check that a server in any language does what sagas rely on',
  usage: `<host:port> --contract inventory|payment|shipping
         --refused-country <code>  shipping: a country that its carrier refuses, to check refusals
         --restart <command>       kills the server with SIGKILL and starts it again, to check that nothing is lost
         --deadline-ms <ms>        the deadline of each call (default: ${defaultDeadlineMs})

Creates its own test data, with ids that begin with verify-, and lists at the end what it leaves.
docs/participants.md explains each rule.`,
  async run(args, cli) {
    const { values, positionals } = readArgs(args, {
      contract: { type: 'string' },
      'refused-country': { type: 'string' },
      restart: { type: 'string' },
      'deadline-ms': { type: 'string' },
    });
    const [address, ...others] = positionals;
    if (address === undefined || others.length > 0) {
      const note = process.env.ADDRESS ? '; ADDRESS is the address of the mesh' : '';
      const withMake = inRepository ? ', with make PARTICIPANT=<host:port>' : '';
      throw new UsageError(`needs the address of one server: <host:port>${withMake}${note}`);
    }
    const problem = addressProblem(address, 'address');
    if (problem !== undefined) throw new UsageError(problem);
    const deadlineMs = Number(values['deadline-ms'] ?? defaultDeadlineMs);
    if (!(deadlineMs > 0)) throw new UsageError('invalid --deadline-ms: use milliseconds, such as 500');
    const caller = createCaller(address, deadlineMs, readAccess(process.env, address));
    const data = createTestData();
    try {
      const participant = participantOf(values.contract, caller, data, values['refused-country']);
      const restart = values.restart === undefined ? undefined : restartBy(values.restart, caller);
      await requireServed(participant, address);
      return await report(participant, { caller, restart, data, address, cli });
    } finally {
      caller.close();
    }
  },
};

/** Creates the participant of a contract by its name. Throws a `UsageError` if there is no such contract. */
export function participantOf(
  contract: string | undefined,
  caller: Caller,
  data: TestData,
  refusedCountry?: string,
): Participant {
  if (refusedCountry !== undefined && contract !== 'shipping')
    throw new UsageError('--refused-country is only for --contract shipping');
  switch (contract) {
    case 'inventory':
      return inventoryParticipant(caller, data);
    case 'payment':
      return paymentParticipant(caller, data);
    case 'shipping':
      return shippingParticipant(caller, data, refusedCountry);
    default:
      throw new UsageError('--contract must be inventory, payment or shipping');
  }
}

/** Throws if nothing answers at the address, or something that does not serve the contract. */
async function requireServed({ probe, contract }: Participant, address: string): Promise<void> {
  const answer = await probe();
  if (answer.code === Status.UNAVAILABLE || answer.code === Status.DEADLINE_EXCEEDED) {
    // Only a text that comes from the server helps: that of the client shows how it connects.
    const why = answer.reason === '' ? Status[answer.code] : describeAnswer(answer);
    const text = answer.isSent
      ? `the server at ${address} does not answer ${answer.method} (${why}): check its log`
      : `the server at ${address} cannot be reached or does not speak gRPC: start it, or check the address`;
    throw new CommandError(text, exitCode.unavailable);
  }
  if (answer.code === Status.UNIMPLEMENTED) {
    const text = `the server at ${address} does not serve ${contract}.v1: check the address and --contract`;
    throw new CommandError(text, exitCode.refused);
  }
}

interface ReportParts {
  readonly caller: Caller;
  readonly restart: Restart | undefined;
  readonly data: TestData;
  readonly address: string;
  readonly cli: Cli;
}

/** Prints each result when it is known, then a summary. Returns the exit code. */
async function report(
  participant: Participant,
  { caller, restart, data, address, cli }: ReportParts,
): Promise<ExitCode> {
  const print = cli.json ? () => undefined : (line: string) => cli.print(escapeControls(line));
  print(`${participant.contract} at ${address}`);
  const results: RuleResult[] = [];
  const number = (wanted: RuleResult['result']) => results.filter(({ result }) => result === wanted).length;
  try {
    for await (const result of verify(participant, { caller, restart })) {
      results.push(result);
      if (cli.json) cli.print(JSON.stringify(resultToJson(result)));
      for (const line of resultLines(result)) print(line);
    }
  } finally {
    print(
      `${count(results.length, 'rule')}: ${number('kept')} kept, ${number('broken')} broken, ${number('not checked')} not checked`,
    );
    const left = await cleanUp(participant, data);
    if (cli.json) cli.print(JSON.stringify({ leaves: left }));
    print(`it leaves ${left}`);
  }
  return results.every(isFine) ? exitCode.done : exitCode.attention;
}

/** Whether a rule is kept, or was not checked because of an option that is not set. */
function isFine({ result, actual }: RuleResult): boolean {
  return result === 'kept' || (result === 'not checked' && actual === '');
}

/** The lines of a result for people. */
export function resultLines({ rule, promise, result, expected, actual, about, calls }: RuleResult): string[] {
  const mark = { kept: 'ok    ', broken: 'BROKEN', 'not checked': '-     ' }[result];
  const head = `${mark}  ${rule}: ${promise}`;
  if (result === 'kept') return [head];
  if (result === 'not checked') return [`${head} (not checked: ${expected}${actual && `; got ${actual}`})`];
  return [
    head,
    `  expected  ${expected}`,
    `  got       ${actual}`,
    ...callLines(calls, [about, expected, actual].join(' ')),
  ];
}

/** How many lines for calls of a broken rule are printed as text. */
const maxLines = 12;

/** The calls for the ids that `text` has, or all if it has none. Equal calls in a row share a line. */
function callLines(calls: readonly Answer[], text: string): string[] {
  const ids = new Set(testIdsIn(text));
  const isRelated = (call: Answer) => testIdsIn(JSON.stringify(call)).some((id) => ids.has(id));
  const related = calls.some(isRelated) ? calls.filter(isRelated) : calls;
  const groups: { line: string; count: number }[] = [];
  for (const line of related.map(callLine)) {
    const last = groups.at(-1);
    if (last?.line === line) last.count += 1;
    else groups.push({ line, count: 1 });
  }
  const shown = groups.slice(-maxLines);
  const number = shown.reduce((sum, { count }) => sum + count, 0);
  const heading = [
    related.length < calls.length ? `  calls for ${[...ids].join(', ')}` : '  calls',
    ...(number < related.length ? [`the last ${number} of ${related.length}`] : []),
    ...(related.length < calls.length ? [`${calls.length} in all`] : []),
  ];
  return [heading.join(', '), ...shown.map(({ line, count }) => `    ${count > 1 ? `${count} x ` : ''}${line}`)];
}

function callLine(answer: Answer): string {
  return `${answer.method} ${JSON.stringify(answer.request)} -> ${describeAnswer(answer)}`;
}

function resultToJson({ calls, result, about: _, ...rest }: RuleResult): object {
  const toJson = ({ code, ...call }: Answer) => ({ ...call, code: Status[code] });
  return { ...rest, result, calls: result === 'broken' ? calls.map(toJson) : [] };
}
