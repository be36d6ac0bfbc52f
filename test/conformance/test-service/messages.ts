/** The messages of `grpc.testing.TestService`, with the fields that the cases use. A missing field has its default. */
export interface Empty {
  readonly [field: string]: never;
}

export interface Payload {
  readonly body?: Uint8Array;
}

/** An optional bool. */
export interface BoolValue {
  readonly value?: boolean;
}

export interface EchoStatus {
  readonly code?: number;
  readonly message?: string;
}

export interface SimpleRequest {
  readonly responseSize?: number;
  readonly payload?: Payload;
  readonly responseCompressed?: BoolValue;
  readonly responseStatus?: EchoStatus;
  readonly expectCompressed?: BoolValue;
}

export interface SimpleResponse {
  readonly payload?: Payload;
}

export interface StreamingInputCallRequest {
  readonly payload?: Payload;
  readonly expectCompressed?: BoolValue;
}

export interface StreamingInputCallResponse {
  readonly aggregatedPayloadSize?: number;
}

export interface ResponseParameters {
  readonly size?: number;
  readonly intervalUs?: number;
  readonly compressed?: BoolValue;
}

export interface StreamingOutputCallRequest {
  readonly responseParameters?: readonly ResponseParameters[];
  readonly payload?: Payload;
  readonly responseStatus?: EchoStatus;
}

export interface StreamingOutputCallResponse {
  readonly payload?: Payload;
}

/** A payload of `size` zero bytes. */
export function payloadOf(size: number): Payload {
  return { body: new Uint8Array(size) };
}
