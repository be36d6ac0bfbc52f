import type { DescEnum, DescField, DescMessage, DescMethod, DescService, FileRegistry } from '@bufbuild/protobuf';
import { ScalarType } from '@bufbuild/protobuf';
import { exitCode } from '../../../examples/support/failures.ts';
import { withCommandsHere } from '../../../mesh/errors/commands-here.ts';
import { type Command, CommandError, readArgs, UsageError } from '../cli.ts';
import { commentOf } from './comments.ts';
import { createReflection } from './reflection.ts';

/** Lists the services of the mesh, or the methods of one. */
export const listCommand: Command = {
  name: 'list',
  summary: 'list the services, or the methods of one',
  usage: `             list the services
<service>    list its methods`,
  async run(args, cli) {
    const [service, ...others] = readArgs(args, {}).positionals;
    if (others.length > 0) throw new UsageError('list takes one service');
    const reflection = createReflection(cli);
    const names = service
      ? serviceOf(await reflection.typesOf(service), service).methods.map(({ name }) => `${service}/${name}`)
      : await reflection.services();
    for (const name of names) cli.print(cli.json ? JSON.stringify({ name }) : name);
    return exitCode.done;
  },
};

/** Shows the declaration of a service, method, message or enum. */
export const describeCommand: Command = {
  name: 'describe',
  summary: 'show the declaration of a service, method, message or enum',
  usage: '<name>    for example: describe user.v1.UserService, describe user.v1.User',
  async run(args, cli) {
    const [name, ...others] = readArgs(args, {}).positionals;
    if (!name || others.length > 0) throw new UsageError('describe takes one name');
    const symbol = name.replace(/^\//, '').replace('/', '.');
    const lines = declaration(await createReflection(cli).typesOf(symbol), symbol);
    if (cli.json) cli.print(JSON.stringify({ name: symbol, declaration: lines.join('\n') }));
    else for (const line of lines) cli.print(line);
    return exitCode.done;
  },
};

function serviceOf(types: FileRegistry, name: string): DescService {
  const service = types.getService(name);
  if (!service)
    throw new CommandError(`${name} is not a service: ${withCommandsHere('see "npx ordermesh list"')}`, exitCode.usage);
  return service;
}

function declaration(types: FileRegistry, name: string): string[] {
  const found = types.get(name);
  if (found?.kind === 'service') return serviceLines(found);
  if (found?.kind === 'message') return messageLines(found);
  if (found?.kind === 'enum') return enumLines(found);
  const dot = name.lastIndexOf('.');
  const method = types.getService(name.slice(0, dot))?.methods.find((one) => one.name === name.slice(dot + 1));
  if (method) return [...methodLines(method), ...messageLines(method.input), ...messageLines(method.output)];
  throw new CommandError(`${name} is not a service, method, message or enum`, exitCode.usage);
}

function serviceLines(service: DescService): string[] {
  const methods = service.methods.flatMap((method) => indent(methodLines(method)));
  return [...commentOf(service), `service ${service.typeName} {`, ...methods, '}'];
}

function methodLines(method: DescMethod): string[] {
  const [takes, gives] = [method.input.typeName, method.output.typeName];
  const { methodKind } = method;
  const input = methodKind === 'client_streaming' || methodKind === 'bidi_streaming' ? `stream ${takes}` : takes;
  const output = methodKind === 'server_streaming' || methodKind === 'bidi_streaming' ? `stream ${gives}` : gives;
  return [...commentOf(method), `rpc ${method.name}(${input}) returns (${output});`];
}

function messageLines(message: DescMessage): string[] {
  const members = message.members.flatMap((member) =>
    member.kind === 'oneof'
      ? [`oneof ${member.name} {`, ...indent(member.fields.flatMap(fieldLines)), '}']
      : fieldLines(member),
  );
  return [...commentOf(message), `message ${message.typeName} {`, ...indent(members), '}'];
}

function fieldLines(field: DescField): string[] {
  return [...commentOf(field), `${typeOf(field)} ${field.name} = ${field.number};`];
}

function typeOf(field: DescField): string {
  if (field.fieldKind === 'map') return `map<${scalar(field.mapKey)}, ${elementOf(field)}>`;
  if (field.fieldKind === 'list') return `repeated ${elementOf(field)}`;
  return `${field.proto.proto3Optional ? 'optional ' : ''}${elementOf(field)}`;
}

function elementOf(field: DescField): string {
  return field.message?.typeName ?? field.enum?.typeName ?? scalar(field.scalar);
}

function scalar(type: ScalarType | undefined): string {
  return type === undefined ? '' : (ScalarType[type]?.toLowerCase() ?? '');
}

function enumLines(type: DescEnum): string[] {
  const values = type.values.flatMap((value) => [...commentOf(value), `${value.name} = ${value.number};`]);
  return [...commentOf(type), `enum ${type.typeName} {`, ...indent(values), '}'];
}

function indent(lines: readonly string[]): string[] {
  return lines.map((line) => `  ${line}`);
}
