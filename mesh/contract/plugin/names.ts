import { posix } from 'node:path';
import type { DescField, DescFile, DescMessage, DescMethod, DescOneof } from '@bufbuild/protobuf';

/** The name of a message's type in ts-proto's output: nested names are joined by `_`. */
export function typeName(message: DescMessage): string {
  const { package: packageName } = message.file.proto;
  const nested = packageName === '' ? message.typeName : message.typeName.slice(packageName.length + 1);
  return nested.replaceAll('.', '_');
}

/** The name of a field or oneof as a property in ts-proto's output. */
export function propertyName(member: DescField | DescOneof): string {
  return member.name
    .split('_')
    .map((word, index) => (index === 0 ? word : word.charAt(0).toUpperCase() + word.slice(1)))
    .join('');
}

/** The name of a method in ts-proto's service definitions. */
export function methodName(method: DescMethod): string {
  return method.name.charAt(0).toLowerCase() + method.name.slice(1);
}

/** Where ts-proto writes a file, as an import path seen from the output of another. */
export function messagesPath(file: DescFile, from: DescFile): string {
  return relativeImport(`${file.name}.ts`, from);
}

/** Where this plugin writes a file, below its output folder. */
export function contractFile(file: DescFile): string {
  return `${file.name}.contract.ts`;
}

/** Where this plugin writes a file, as an import path seen from the output of another. */
export function contractPath(file: DescFile, from: DescFile): string {
  return relativeImport(contractFile(file), from);
}

/** A path below the output folder, or beside it, as an import path seen from the output of `from`. */
export function relativeImport(path: string, from: DescFile): string {
  const relative = posix.relative(posix.dirname(from.name), path);
  return relative.startsWith('.') ? relative : `./${relative}`;
}
