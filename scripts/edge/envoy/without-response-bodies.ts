import {
  createFileRegistry,
  fromBinary,
  getExtension,
  hasExtension,
  type Message,
  setExtension,
  toBinary,
} from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';

/** Returns descriptors without the `response_body` of their HTTP rules. */
export function withoutResponseBodies(descriptors: Uint8Array): Uint8Array {
  const set = fromBinary(FileDescriptorSetSchema, descriptors);
  const annotation = createFileRegistry(set).getExtension('google.api.http');
  if (annotation === undefined) return descriptors;
  for (const { options } of set.file.flatMap(({ service }) => service.flatMap(({ method }) => method))) {
    if (options === undefined || !hasExtension(options, annotation)) continue;
    const rule = getExtension(options, annotation) as Message & { responseBody: string };
    rule.responseBody = '';
    setExtension(options, annotation, rule);
  }
  return toBinary(FileDescriptorSetSchema, set);
}
