import {
  ConnectionError,
  defaultFrameBytes,
  defaultWindowBytes,
  ErrorCode,
  FrameType,
  maxWindowBytes,
} from './frames.ts';
import type { Output } from './output.ts';

/** The settings of a peer (RFC 9113 section 6.5.2). */
export interface PeerSettings {
  maxConcurrentStreams: number;
  initialWindowBytes: number;
  maxFrameBytes: number;
  /** The maximum size of the fields of a message to it, as RFC 9113 section 6.5.2 counts them. */
  maxHeaderListBytes: number;
}

/** Reads settings. It gets every value of the table size, not only the last. */
export interface SettingsReader {
  /** Whether the peer is a client. */
  readonly isServer: boolean;
  readonly onTableSize: (bytes: number) => void;
}

/** The identifiers of the settings. */
export const SettingId = {
  HEADER_TABLE_SIZE: 1,
  ENABLE_PUSH: 2,
  MAX_CONCURRENT_STREAMS: 3,
  INITIAL_WINDOW_SIZE: 4,
  MAX_FRAME_SIZE: 5,
  MAX_HEADER_LIST_SIZE: 6,
} as const;

const settingBytes = 6;

/** The settings of a peer before its first SETTINGS frame. */
export function defaultPeerSettings(): PeerSettings {
  return {
    maxConcurrentStreams: Number.POSITIVE_INFINITY,
    initialWindowBytes: defaultWindowBytes,
    maxFrameBytes: defaultFrameBytes,
    maxHeaderListBytes: Number.POSITIVE_INFINITY,
  };
}

/** Applies a SETTINGS payload to `settings`. Throws a ConnectionError for an invalid value. */
export function readSettings(
  settings: PeerSettings,
  reader: SettingsReader,
  payload: Buffer,
  start: number,
  end: number,
): void {
  if ((end - start) % settingBytes !== 0) {
    throw new ConnectionError(ErrorCode.FRAME_SIZE_ERROR, 'the length of a SETTINGS frame is not a multiple of 6');
  }
  for (let at = start; at < end; at += settingBytes) {
    readSetting(settings, reader, payload.readUInt16BE(at), payload.readUInt32BE(at + 2));
  }
}

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
    case SettingId.HEADER_TABLE_SIZE:
      onTableSize(value);
      break;
    case SettingId.ENABLE_PUSH:
      // A server must not ask for pushes.
      if (value > (isServer ? 1 : 0)) throw invalid('ENABLE_PUSH', value, ErrorCode.PROTOCOL_ERROR);
      break;
    case SettingId.MAX_CONCURRENT_STREAMS:
      settings.maxConcurrentStreams = value;
      break;
    case SettingId.INITIAL_WINDOW_SIZE:
      if (value > maxWindowBytes) throw invalid('INITIAL_WINDOW_SIZE', value, ErrorCode.FLOW_CONTROL_ERROR);
      settings.initialWindowBytes = value;
      break;
    case SettingId.MAX_FRAME_SIZE:
      if (value < defaultFrameBytes || value > 2 ** 24 - 1)
        throw invalid('MAX_FRAME_SIZE', value, ErrorCode.PROTOCOL_ERROR);
      settings.maxFrameBytes = value;
      break;
    case SettingId.MAX_HEADER_LIST_SIZE:
      settings.maxHeaderListBytes = value;
      break;
    default:
    // RFC 9113: unknown settings are ignored.
  }
}

function invalid(name: string, value: number, code: ErrorCode): ConnectionError {
  return new ConnectionError(code, `SETTINGS ${name} must not be ${value}`);
}
