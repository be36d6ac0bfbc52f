import { readFileSync } from 'node:fs';
import { type ParseArgsConfig, parseArgs } from 'node:util';
import {
  type CallOptions,
  type Channel,
  type Client,
  type ClientMiddlewareCall,
  type CompatServiceDefinition,
  createChannel,
} from 'nice-grpc';
import { type Access, channelCredentials, channelOptions, readAccess } from '../../examples/support/access.ts';
import { changeReason } from '../../examples/support/change-reason.ts';
import { AnsweredError, clientsWith } from '../../examples/support/clients.ts';
import {
  addressProblem,
  describeFailure,
  type ExitCode,
  exitCode,
  type Failure,
} from '../../examples/support/failures.ts';
import { withCommandsHere } from '../../mesh/errors/commands-here.ts';
import { type ErrorJson, errorToJson, type MessageType, messageToJson } from './json.ts';

/** Invalid arguments, or files that are not as they should be. The program shows the message and the usage. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** A failure whose text is complete, with its exit code. `json` is what `--json` prints; default: the text. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly code: ExitCode;
  readonly json: ErrorJson;

  constructor(message: string, code: ExitCode, json: ErrorJson = { message }) {
    super(message);
    this.code = code;
    this.json = json;
  }
}

/** What a command gets. */
export interface Cli {
  /** `host:port` of the mesh. */
  readonly address: string;
  /** Where that is from: `--address`, or the variable `ADDRESS`. Errors name it. */
  readonly setting: string;
  /** How it is reached, and the token. */
  readonly access: Access;
  /** Whether to print JSON: the messages of the contracts, one per line. */
  readonly json: boolean;
  /** Creates a client of the mesh. The program warns of the processes that its answers name as missing, and exits with 1. */
  client<Definition extends CompatServiceDefinition>(definition: Definition): Client<Definition>;
  print(line: string): void;
}

/** A command of the program. */
export interface Command {
  readonly name: string;
  /** What it does, in one line. */
  readonly summary: string;
  /** Its arguments, one form per line. */
  readonly usage: string;
  /** Runs it. Returns the exit code. */
  run(args: string[], cli: Cli): Promise<ExitCode>;
}

const globalUsage = `--json               print JSON, one message per line; an error too, on standard error
--address <address>  the mesh to call (default: ADDRESS, or 127.0.0.1:50051)
--help               show the arguments of a command
--version            show the version of this program`;

/**
 * Runs the command that the arguments name and returns the exit code. Errors are printed to standard error: what happened, to
 * what, and what to do.
 */
export async function runCli(commands: readonly Command[], args: readonly string[]): Promise<ExitCode> {
  const { options, rest } = readGlobal(args);
  const [name = 'help', ...own] = rest;
  if (name === '--version') {
    console.log(`ordermesh ${readVersion()}`);
    return exitCode.done;
  }
  const command = commands.find((one) => one.name === name);
  if (name === 'help' || (command && (options.help || own[0] === 'help'))) {
    const shown = command ?? commands.find((one) => one.name === own[0]);
    const isKnown = shown !== undefined || own.length === 0;
    if (!isKnown) return fail(new UsageError(`unknown command ${own[0]}`), programHelp(commands), options);
    console.log(shown ? commandHelp(shown) : programHelp(commands));
    return exitCode.done;
  }
  const missing = new Set<string>();
  let channel: Channel | undefined;
  try {
    if (!command) throw new UsageError(`unknown command ${name}`);
    const problem = addressProblem(options.address, options.setting);
    if (problem !== undefined) throw new CommandError(problem, exitCode.usage);
    const access = readAccess(process.env, options.address);
    const client = <Definition extends CompatServiceDefinition>(definition: Definition) => {
      channel ??= createChannel(options.address, channelCredentials(access), channelOptions(access, options.address));
      // An operator says why, with --note.
      return clientsWith(access, changeReason(process.env, '')).use(noteMissing(missing)).create(definition, channel);
    };
    const code = await command.run(own, { ...options, access, client, print: (line) => console.log(line) });
    for (const name of missing) process.stderr.write(`${missingText(name)}\n`);
    return missing.size > 0 && code === exitCode.done ? exitCode.attention : code;
  } catch (error) {
    return fail(error, command ? commandHelp(command) : programHelp(commands), options);
  } finally {
    channel?.close();
  }
}

/** The version in package.json: of the repository, or of the package that this is in. */
function readVersion(): string {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    readonly version: string;
  };
  return version;
}

/** The trailer in which `ops` names the processes that did not answer. */
const missingKey = 'x-ordermesh-missing';

function noteMissing(missing: Set<string>) {
  return async function* note<Request, Response>(call: ClientMiddlewareCall<Request, Response>, options: CallOptions) {
    return yield* call.next(call.request, {
      ...options,
      onTrailer(trailer) {
        for (const name of trailer.get(missingKey)?.split(', ') ?? []) missing.add(name);
        options.onTrailer?.(trailer);
      },
    });
  };
}

function missingText(name: string): string {
  return withCommandsHere(`${name} did not answer, so what it has is missing here: "make status" shows why`);
}

/** Prints an error. Returns the exit code. */
function fail(error: unknown, help: string, { address, setting, json }: GlobalOptions): ExitCode {
  const { text, code, json: message } = failureOf(error, { address, setting, help });
  process.stderr.write(`${json ? JSON.stringify(message) : text}\n`);
  return code;
}

interface FailedRun extends Pick<GlobalOptions, 'address' | 'setting'> {
  readonly help: string;
}

function failureOf(error: unknown, { address, setting, help }: FailedRun): Failure & { readonly json: ErrorJson } {
  if (error instanceof UsageError) {
    const { message } = error;
    return { text: `${message}\n\n${help}`, code: exitCode.usage, json: { message } };
  }
  if (error instanceof CommandError) return { text: error.message, code: error.code, json: error.json };
  const failure = describeFailure(error, address, setting);
  const text = adviceFor(error) ?? failure.text;
  return { ...failure, text, json: errorToJson(error, text) };
}

/** The text of an error about which an operator can know more than a caller; `undefined` for others. */
function adviceFor(error: unknown): string | undefined {
  if (!(error instanceof AnsweredError)) return undefined;
  const { reason, details } = error;
  if (reason === 'REASON_MISSING') return `${details}; with --note="<why>"`;
  return /^(EVENTS|TASKS)_/.test(reason) ? withCommandsHere(`${details}; "make status" shows why`) : undefined;
}

function programHelp(commands: readonly Command[]): string {
  const width = Math.max(...commands.map(({ name }) => name.length));
  const lines = commands.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`);
  return `ordermesh <command>: looks into a mesh and repairs it

${lines.join('\n')}
  ${'help'.padEnd(width)}  show this, or the arguments of a command: help <command>

${globalUsage}`;
}

function commandHelp({ name, summary, usage }: Command): string {
  const forms = usage.trimEnd().split('\n');
  return `ordermesh ${name}: ${summary}\n\n${forms.map((form) => (form === '' ? '' : `  ${form}`)).join('\n')}\n\n${globalUsage}`;
}

interface GlobalOptions {
  readonly address: string;
  readonly setting: string;
  readonly json: boolean;
  readonly help: boolean;
}

/** Takes the options of every command out of the arguments, wherever they are. */
function readGlobal(args: readonly string[]): { readonly options: GlobalOptions; readonly rest: string[] } {
  let address = process.env.ADDRESS || '127.0.0.1:50051';
  let setting = 'ADDRESS';
  let [json, help] = [false, false];
  const rest: string[] = [];
  const left = [...args];
  for (let arg = left.shift(); arg !== undefined; arg = left.shift()) {
    if (arg === '--json') json = true;
    else if (arg === '--help' || arg === '-h') help = true;
    else if (arg === '--address' || arg.startsWith('--address=')) {
      address = arg === '--address' ? (left.shift() ?? '') : arg.slice('--address='.length);
      setting = '--address';
    } else rest.push(arg);
  }
  return { options: { address, setting, json, help }, rest };
}

type Options = NonNullable<ParseArgsConfig['options']>;

/** Parses positional arguments and options. Throws a UsageError if an option is unknown or has no value. */
export function readArgs<const O extends Options>(args: string[], options: O) {
  try {
    return parseArgs({ args, options, allowPositionals: true });
  } catch (error) {
    // Node's message continues with how to quote arguments that start with a dash, which no command accepts.
    if (error instanceof TypeError) throw new UsageError(error.message.replace(/\. To specify a positional .*$/s, ''));
    throw error;
  }
}

/** Prints a message of `ops.v1` as JSON in one line. */
export function printJson<Message>(cli: Cli, name: string, type: MessageType<Message>, message: Message): void {
  cli.print(JSON.stringify(messageToJson(`ops.v1.${name}`, type, message)));
}

/** `1 check`, `2 checks`. */
export function count(number: number | bigint, noun: string): string {
  return `${number} ${noun}${Number(number) === 1 ? '' : 's'}`;
}
