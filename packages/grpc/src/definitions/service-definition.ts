import {
  type FromGrpcJsServiceDefinition,
  fromGrpcJsServiceDefinition,
  type GrpcJsServiceDefinition,
  isGrpcJsServiceDefinition,
} from './grpc-js.ts';
import type { ServiceDefinition } from './method-definition.ts';
import {
  type FromTsProtoServiceDefinition,
  fromTsProtoServiceDefinition,
  isTsProtoServiceDefinition,
  type TsProtoServiceDefinition,
} from './ts-proto.ts';

/** A service definition of any kind: of this package, ts-proto or grpc-js. */
export type CompatServiceDefinition = ServiceDefinition | GrpcJsServiceDefinition | TsProtoServiceDefinition;

/** The methods of a service definition of any kind. */
export type NormalizedServiceDefinition<Service extends CompatServiceDefinition> = Service extends ServiceDefinition
  ? Service
  : Service extends GrpcJsServiceDefinition
    ? FromGrpcJsServiceDefinition<Service>
    : Service extends TsProtoServiceDefinition
      ? FromTsProtoServiceDefinition<Service>
      : never;

export function normalizeServiceDefinition(definition: CompatServiceDefinition): ServiceDefinition {
  if (isGrpcJsServiceDefinition(definition)) return fromGrpcJsServiceDefinition(definition);
  return isTsProtoServiceDefinition(definition) ? fromTsProtoServiceDefinition(definition) : definition;
}
