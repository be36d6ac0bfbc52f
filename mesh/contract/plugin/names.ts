import { posix } from 'node:path';
import type { DescField, DescFile, DescMessage, DescMethod, DescOneof } from '@bufbuild/protobuf';

/** Returns the name of a message's type in ts-proto's output: nested names are joined by `_`. */
export function typeName(message: DescMessage): string {
  const { package: packageName } = message.file.proto;
  const nested = packageName === '' ? message.typeName : message.typeName.slice(packageName.length + 1);
  return nested.replaceAll('.', '_');
}

/** Returns the property name of a field or oneof in ts-proto's output. */
export function propertyName(member: DescField | DescOneof): string {
  return member.name
    .split('_')
    .map((word, index) => (index === 0 ? word : word.charAt(0).toUpperCase() + word.slice(1)))
    .join('');
}

/** Returns the name of a method in ts-proto's service definitions. */
export function methodName(method: DescMethod): string {
  return method.name.charAt(0).toLowerCase() + method.name.slice(1);
}

/** Returns the import path of ts-proto's output for `file` from the output of `from`. */
export function messagesPath(file: DescFile, from: DescFile): string {
  return relativeImport(`${file.name}.ts`, from);
}

/** Returns the path of this plugin's output for `file`, below the output folder. */
export function contractFile(file: DescFile): string {
  return `${file.name}.contract.ts`;
}

/** Returns the import path of this plugin's output for `file` from the output of `from`. */
export function contractPath(file: DescFile, from: DescFile): string {
  return relativeImport(contractFile(file), from);
}

/** Returns a path, relative to the output folder, as an import path from the output of `from`. */
export function relativeImport(path: string, from: DescFile): string {
  const relative = posix.relative(posix.dirname(from.name), path);
  return relative.startsWith('.') ? relative : `./${relative}`;
}
