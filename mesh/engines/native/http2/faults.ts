import { ConnectionError, ErrorCode } from './frames.ts';

/** PROTOCOL_ERROR of a connection. */
export function protocolError(message: string): ConnectionError {
  return new ConnectionError(ErrorCode.PROTOCOL_ERROR, message);
}

/** FRAME_SIZE_ERROR of a connection. */
export function frameSizeError(message: string): ConnectionError {
  return new ConnectionError(ErrorCode.FRAME_SIZE_ERROR, message);
}

/** FLOW_CONTROL_ERROR of a connection. */
export function flowError(message: string): ConnectionError {
  return new ConnectionError(ErrorCode.FLOW_CONTROL_ERROR, message);
}
