import {
  ConnectionError,
  defaultFrameBytes,
  defaultWindowBytes,
  ErrorCode,
  FrameType,
  greatestWindowBytes,
} from './frames.ts';
import type { Output } from './output.ts';

/** What a peer has said of itself (RFC 9113 section 6.5.2). */
export interface PeerSettings {
  maxConcurrentStreams: number;
  initialWindowBytes: number;
  maxFrameBytes: number;
  /** The most that the fields of a message to it may have, as RFC 9113 section 6.5.2 counts them. */
  maxHeaderListBytes: number;
}

/** Whose settings are read, and who has to know each value of one, not only the last. */
export interface SettingsReader {
  /** Whether the peer is a client. */
  readonly isServer: boolean;
  readonly onTableSize: (bytes: number) => void;
}

/** The settings by their numbers. */
export const Setting = {
  HEADER_TABLE_SIZE: 1,
  ENABLE_PUSH: 2,
  MAX_CONCURRENT_STREAMS: 3,
  INITIAL_WINDOW_SIZE: 4,
  MAX_FRAME_SIZE: 5,
  MAX_HEADER_LIST_SIZE: 6,
} as const;

const settingBytes = 6;

/** What holds of a peer that has said nothing yet. */
export function defaultPeerSettings(): PeerSettings {
  return {
    maxConcurrentStreams: Number.POSITIVE_INFINITY,
    initialWindowBytes: defaultWindowBytes,
    maxFrameBytes: defaultFrameBytes,
    maxHeaderListBytes: Number.POSITIVE_INFINITY,
  };
}

/** Reads a SETTINGS payload into what is known of the peer. Throws a ConnectionError for what may not be set so. */
export function readSettings(
  settings: PeerSettings,
  reader: SettingsReader,
  payload: Buffer,
  start: number,
  end: number,
): void {
  if ((end - start) % settingBytes !== 0) {
    throw new ConnectionError(ErrorCode.FRAME_SIZE_ERROR, 'a SETTINGS frame is not of whole settings');
  }
  for (let at = start; at < end; at += settingBytes) {
    readSetting(settings, reader, payload.readUInt16BE(at), payload.readUInt32BE(at + 2));
  }
}

/** Sends a SETTINGS frame. */
export function sendSettings(output: Output, settings: readonly (readonly [id: number, value: number])[]): void {
  const payload = Buffer.alloc(settings.length * settingBytes);
  for (const [index, [id, value]] of settings.entries()) {
    payload.writeUInt16BE(id, index * settingBytes);
    payload.writeUInt32BE(value, index * settingBytes + 2);
  }
  output.header(payload.length, FrameType.SETTINGS, 0, 0);
  output.bytes(payload);
  output.schedule();
}

function readSetting(
  settings: PeerSettings,
  { isServer, onTableSize }: SettingsReader,
  id: number,
  value: number,
): void {
  switch (id) {
    case Setting.HEADER_TABLE_SIZE:
      onTableSize(value);
      break;
    case Setting.ENABLE_PUSH:
      // A server may not ask to be pushed to.
      if (value > (isServer ? 1 : 0)) throw invalid('ENABLE_PUSH', value, ErrorCode.PROTOCOL_ERROR);
      break;
    case Setting.MAX_CONCURRENT_STREAMS:
      settings.maxConcurrentStreams = value;
      break;
    case Setting.INITIAL_WINDOW_SIZE:
      if (value > greatestWindowBytes) throw invalid('INITIAL_WINDOW_SIZE', value, ErrorCode.FLOW_CONTROL_ERROR);
      settings.initialWindowBytes = value;
      break;
    case Setting.MAX_FRAME_SIZE:
      if (value < defaultFrameBytes || value > 2 ** 24 - 1)
        throw invalid('MAX_FRAME_SIZE', value, ErrorCode.PROTOCOL_ERROR);
      settings.maxFrameBytes = value;
      break;
    case Setting.MAX_HEADER_LIST_SIZE:
      settings.maxHeaderListBytes = value;
      break;
    default:
    // An extension that we do not know is ignored, says RFC 9113.
  }
}

function invalid(name: string, value: number, code: ErrorCode): ConnectionError {
  return new ConnectionError(code, `SETTINGS ${name} may not be ${value}`);
}
