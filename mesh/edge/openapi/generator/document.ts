/** The parts of an OpenAPI 3.1 document (https://spec.openapis.org/oas/v3.1.0) that are generated. */
export interface OpenApiDocument {
  readonly openapi: '3.1.0';
  readonly info: { readonly title: string; readonly version: string; readonly description: string };
  readonly servers: readonly { readonly url: string }[];
  readonly tags: readonly { readonly name: string; readonly description: string }[];
  readonly paths: Readonly<Record<string, PathItem>>;
  readonly components: Components;
}

export interface Components {
  readonly schemas: Readonly<Record<string, Schema>>;
  readonly responses: Readonly<Record<string, Response>>;
  readonly parameters: Readonly<Record<string, Parameter>>;
  readonly headers: Readonly<Record<string, Header>>;
  readonly securitySchemes: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

export const verbs = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace'] as const;

export type Verb = (typeof verbs)[number];

export type PathItem = { readonly [verb in Verb]?: Operation };

export interface Operation {
  readonly tags: readonly string[];
  readonly summary: string;
  readonly description: string;
  readonly operationId: string;
  readonly parameters: readonly (Parameter | Reference)[];
  readonly requestBody?: RequestBody;
  readonly responses: Readonly<Record<string, Response | Reference>>;
  /** The method, such as `user.v1.UserService/GetUser`. */
  readonly 'x-grpc-method': string;
  /** What a caller has to send; nothing if anyone may call. */
  readonly security?: readonly Readonly<Record<string, readonly string[]>>[];
  /** Who may call it, once calls are authenticated. */
  readonly 'x-access'?: DocumentedAccess;
}

export interface Reference {
  readonly $ref: string;
}

export interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
  readonly description: string;
  readonly required?: boolean;
  readonly schema: Schema;
  /** Shown filled in by user interfaces, so only required parameters have one here, others in their schema. */
  readonly example?: Json;
}

export interface RequestBody {
  readonly description: string;
  readonly required: boolean;
  readonly content: Readonly<Record<string, MediaType>>;
}

export interface Response {
  readonly description: string;
  readonly headers?: Readonly<Record<string, Header | Reference>>;
  readonly content?: Readonly<Record<string, MediaType>>;
  /** The reasons that the comment of the method names for this status. */
  readonly 'x-reasons'?: readonly string[];
}

export interface MediaType {
  readonly schema: Schema;
  readonly example?: Json;
  /** The schema of one line or event of a stream; OpenAPI 3.1 has no keyword for it. */
  readonly 'x-item-schema'?: Schema;
}

export interface Header {
  readonly description: string;
  readonly schema: Schema;
}

export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** The keywords of JSON Schema 2020-12 that are generated. */
export interface Schema {
  readonly $ref?: string;
  readonly title?: string;
  readonly description?: string;
  readonly type?: 'string' | 'integer' | 'number' | 'boolean' | 'array' | 'object' | 'null';
  readonly format?: string;
  readonly enum?: readonly Json[];
  readonly const?: Json;
  readonly pattern?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly exclusiveMaximum?: number;
  readonly items?: Schema;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly uniqueItems?: boolean;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: Schema | boolean;
  readonly propertyNames?: Schema;
  readonly minProperties?: number;
  readonly maxProperties?: number;
  readonly allOf?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly not?: Schema;
  readonly contentEncoding?: 'base64';
  readonly readOnly?: boolean;
  readonly examples?: readonly Json[];
}

/** Who may call an operation: one of these is needed. The names are those of `mesh.v1.Access`. */
export interface DocumentedAccess {
  readonly anyone?: true;
  readonly services?: readonly string[];
  readonly roles?: readonly string[];
  /** The path of the field with the owner, or that the handler knows. */
  readonly owner?:
    | { readonly requestField: string }
    | { readonly responseField: string }
    | { readonly checkedByHandler: true };
}
