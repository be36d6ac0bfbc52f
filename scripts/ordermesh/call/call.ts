import { text as readText } from 'node:stream/consumers';
import { type DescMethod, type FileRegistry, fromBinary, toJson } from '@bufbuild/protobuf';
import { Client, Metadata, type ServiceError } from '@grpc/grpc-js';
import { ClientError, Status } from 'nice-grpc';
import { channelCredentials, channelOptions } from '../../../examples/support/access.ts';
import { describeFailure, type ExitCode, exitCode, exitCodeOf } from '../../../examples/support/failures.ts';
import { withCommandsHere } from '../../../mesh/errors/commands-here.ts';
import { statusDetailsKey } from '../../../mesh/errors/status-details.ts';
import { changeReasonKey, encodeChangeReason } from '../../../mesh/operator-actions/change-reason.ts';
import { escapeControls } from '../../support/format.ts';
import { type Cli, type Command, CommandError, readArgs, UsageError } from '../cli.ts';
import { callErrorToJson } from '../json.ts';
import { readRequests } from './read-requests.ts';
import { createReflection } from './reflection.ts';

/** Calls any method by reflection. Exits with 3 if the mesh does not serve it, and with 4 if it is refused. */
export const callCommand: Command = {
  name: 'call',
  summary: 'call any method, without .proto files',
  usage: `<method> ['<json>']           for example: call user.v1.UserService/GetUser '{"id":"ada"}' (default: {})
<method> @                    read the request from standard input
         --header <name:value>  send a metadata header (may be repeated)
         --timeout <seconds>    set a deadline
         --reason <text>        say why, for the record of what operators change (default: ORDERMESH_REASON)

Messages of a stream are JSON lines. A method that takes a stream gets JSON lines or one JSON array.
Without a method: list the services.`,
  async run(args, cli) {
    const options = {
      header: { type: 'string', multiple: true },
      timeout: { type: 'string' },
      reason: { type: 'string' },
    } as const;
    const { values, positionals } = readArgs(args, options);
    const [name, data = '', ...others] = positionals;
    if (others.length > 0) throw new UsageError('call takes one method and one request: put the JSON in quotes');
    const reflection = createReflection(cli);
    if (!name) {
      for (const service of await reflection.services()) cli.print(service);
      return exitCode.done;
    }
    const [service, method] = splitMethod(name);
    const types = await reflection.typesOf(service).catch(async (error: unknown) => {
      if (!(await reflection.services()).includes(name)) throw error;
      const see = withCommandsHere(`see "npx ordermesh list ${name}"`);
      throw new CommandError(`${name} is a service: name one of its methods, ${see}`, exitCode.usage);
    });
    const found = types.getService(service)?.methods.find((one) => one.name === method);
    if (!found) {
      const see = withCommandsHere(`see "npx ordermesh list ${service}"`);
      throw new CommandError(`${service} has no method ${method}: ${see}`, exitCode.usage);
    }
    const text = data === '@' ? await readText(process.stdin) : data;
    const requests = readRequests(found, text, types);
    const metadata = readHeaders(values.header ?? []);
    const { token } = cli.access;
    if (token !== undefined && metadata.get('authorization').length === 0)
      metadata.set('authorization', `Bearer ${token}`);
    const reason = values.reason ?? process.env.ORDERMESH_REASON;
    if (reason) metadata.set(changeReasonKey, encodeChangeReason(reason));
    return await call(found, { requests, types, metadata, deadlineMs: readTimeout(values.timeout), cli });
  },
};

/** `user.v1.UserService/GetUser`, as in paths, or with a dot. */
function splitMethod(name: string): [string, string] {
  const [, service, method] = /^\/?([\w.]+)[/.](\w+)$/.exec(name) ?? [];
  if (service === undefined || method === undefined)
    throw new UsageError(`invalid method ${name}: use <service>/<method>, such as user.v1.UserService/GetUser`);
  return [service, method];
}

function readHeaders(headers: readonly string[]): Metadata {
  const metadata = new Metadata();
  for (const header of headers) {
    const colon = header.indexOf(':');
    if (colon < 1) throw new UsageError(`invalid --header ${header}: use <name>:<value>`);
    metadata.add(header.slice(0, colon).trim(), header.slice(colon + 1).trim());
  }
  return metadata;
}

function readTimeout(seconds: string | undefined): number | undefined {
  if (seconds === undefined) return undefined;
  if (!(Number(seconds) > 0)) throw new UsageError(`invalid --timeout ${seconds}: use seconds, such as 2.5`);
  return Date.now() + Number(seconds) * 1_000;
}

interface CallParts {
  readonly requests: readonly Buffer[];
  readonly types: FileRegistry;
  readonly metadata: Metadata;
  readonly deadlineMs: number | undefined;
  readonly cli: Cli;
}

async function call(method: DescMethod, { requests, types, metadata, deadlineMs, cli }: CallParts): Promise<ExitCode> {
  const client = new Client(cli.address, channelCredentials(cli.access), channelOptions(cli.access, cli.address));
  const path = `/${method.parent.typeName}/${method.name}`;
  const answersOnce = method.methodKind === 'unary' || method.methodKind === 'client_streaming';
  const indent = answersOnce && !cli.json ? 2 : undefined;
  try {
    // Any method may be called as a stream of both directions: on the wire there is no difference.
    const stream = client.makeBidiStreamRequest(
      path,
      (bytes: Buffer) => bytes,
      (bytes: Buffer) => bytes,
      metadata,
      deadlineMs === undefined ? {} : { deadline: deadlineMs },
    );
    for (const request of requests) stream.write(request);
    stream.end();
    for await (const bytes of stream) {
      const message = fromBinary(method.output, bytes as Buffer);
      cli.print(
        JSON.stringify(
          toJson(method.output, message, { registry: types, alwaysEmitImplicit: true }),
          undefined,
          indent,
        ),
      );
    }
    return exitCode.done;
  } catch (error) {
    if (!isServiceError(error)) throw error;
    throw callFailure(error, { path, hasTimeout: deadlineMs !== undefined, cli });
  } finally {
    client.close();
  }
}

interface CalledMethod {
  readonly path: string;
  readonly hasTimeout: boolean;
  readonly cli: Cli;
}

/** Describes an error of a call: code and message, and a line for each detail. */
function callFailure(error: ServiceError, { path, hasTimeout, cli }: CalledMethod): CommandError {
  const code: Status = error.code;
  if (hasTimeout && code === Status.DEADLINE_EXCEEDED) {
    const text = '--timeout ended the call';
    return new CommandError(`DEADLINE_EXCEEDED: ${text}`, exitCode.unavailable, callErrorToJson(code, text));
  }
  const [status] = error.metadata.get(statusDetailsKey);
  // The server did not describe the error: the client created it, or another program did.
  if (!(status instanceof Buffer)) {
    const { text, code: exit } = describeFailure(new ClientError(path, code, error.details), cli.address, cli.setting);
    if (exit === exitCode.unavailable) return new CommandError(text, exit, callErrorToJson(code, text));
  }
  const json = callErrorToJson(code, error.details, status instanceof Buffer ? status : undefined);
  const details = json.details.map(({ '@type': type, ...detail }) => `  ${type} ${JSON.stringify(detail)}`);
  const lacksReason = json.details.some((detail) => 'reason' in detail && detail.reason === 'REASON_MISSING');
  const advice = lacksReason ? '; with --reason="<why>" or ORDERMESH_REASON' : '';
  const text = [`${json.code}: ${escapeControls(error.details)}${advice}`, ...details].join('\n');
  return new CommandError(text, exitCodeOf(code), json);
}

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && 'code' in error && typeof error.code === 'number' && 'metadata' in error;
}
