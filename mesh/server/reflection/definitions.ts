import { ServerReflectionDefinition } from '../../../gen/ts/grpc/reflection/v1/reflection.ts';

/** Both versions of reflection. Older callers and servers have v1alpha, which is the same on the wire. */
export const reflectionDefinitions = [
  ServerReflectionDefinition,
  { ...ServerReflectionDefinition, fullName: 'grpc.reflection.v1alpha.ServerReflection' },
] as const;
