/** A block of RFC 7541 appendix C, its fields, and the dynamic table after it, newest entry first. */
export interface Example {
  readonly hex: string;
  readonly fields: readonly string[];
  readonly table: readonly string[];
  readonly tableBytes: number;
}

/** A sequence of blocks on one connection. */
export interface ExampleRow {
  readonly section: string;
  readonly maxTableBytes: number;
  readonly examples: readonly Example[];
}

const custom = ['custom-key', 'custom-header'];

/** C.2: each representation, by itself. */
export const representationExamples: readonly Example[] = [
  { hex: '400a637573746f6d2d6b65790d637573746f6d2d686561646572', fields: custom, table: custom, tableBytes: 55 },
  { hex: '040c2f73616d706c652f70617468', fields: [':path', '/sample/path'], table: [], tableBytes: 0 },
  { hex: '100870617373776f726406736563726574', fields: ['password', 'secret'], table: [], tableBytes: 0 },
  { hex: '82', fields: [':method', 'GET'], table: [], tableBytes: 0 },
];

const authority = [':authority', 'www.example.com'];
const noCache = ['cache-control', 'no-cache'];
const customValue = ['custom-key', 'custom-value'];
const request = [':method', 'GET', ':scheme', 'http', ':path', '/'];
const secureRequest = [':method', 'GET', ':scheme', 'https', ':path', '/index.html'];

const requests = [
  { fields: [...request, ...authority], table: authority, tableBytes: 57 },
  { fields: [...request, ...authority, ...noCache], table: [...noCache, ...authority], tableBytes: 110 },
  {
    fields: [...secureRequest, ...authority, ...customValue],
    table: [...customValue, ...noCache, ...authority],
    tableBytes: 164,
  },
];

const found = [':status', '302'];
const redirected = [':status', '307'];
const isPrivate = ['cache-control', 'private'];
const date = ['date', 'Mon, 21 Oct 2013 20:13:21 GMT'];
const nextDate = ['date', 'Mon, 21 Oct 2013 20:13:22 GMT'];
const location = ['location', 'https://www.example.com'];
const gzip = ['content-encoding', 'gzip'];
const setCookie = ['set-cookie', 'foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1'];

const responses = [
  {
    fields: [...found, ...isPrivate, ...date, ...location],
    table: [...location, ...date, ...isPrivate, ...found],
    tableBytes: 222,
  },
  {
    fields: [...redirected, ...isPrivate, ...date, ...location],
    table: [...redirected, ...location, ...date, ...isPrivate],
    tableBytes: 222,
  },
  {
    fields: [':status', '200', ...isPrivate, ...nextDate, ...location, ...gzip, ...setCookie],
    table: [...setCookie, ...gzip, ...nextDate],
    tableBytes: 215,
  },
];

/** C.3: requests without Huffman code. */
export const plainRequests: ExampleRow = row('C.3, requests without Huffman code', 4096, requests, [
  '828684410f7777772e6578616d706c652e636f6d',
  '828684be58086e6f2d6361636865',
  '828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565',
]);

/** C.4: the same requests with Huffman code. */
export const huffmanRequests: ExampleRow = row('C.4, requests with Huffman code', 4096, requests, [
  '828684418cf1e3c2e5f23a6ba0ab90f4ff',
  '828684be5886a8eb10649cbf',
  '828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf',
]);

/** C.5: responses without Huffman code, in a table so small that entries are evicted. */
export const plainResponses: ExampleRow = row('C.5, responses without Huffman code', 256, responses, [
  [
    '4803333032580770726976617465611d4d6f6e2c203231204f637420323031332032303a31333a323120474d546e1768747470733a2f2f',
    '7777772e6578616d706c652e636f6d',
  ].join(''),
  '4803333037c1c0bf',
  [
    '88c1611d4d6f6e2c203231204f637420323031332032303a31333a323220474d54c05a04677a69707738666f6f3d4153444a4b48514b425a',
    '584f5157454f50495541585157454f49553b206d61782d6167653d333630303b2076657273696f6e3d31',
  ].join(''),
]);

/** C.6: the same responses with Huffman code. */
export const huffmanResponses: ExampleRow = row('C.6, responses with Huffman code', 256, responses, [
  '488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8e9ae82ae43d3',
  '4883640effc1c0bf',
  [
    '88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f36',
    '72c1ab270fb5291f9587316065c003ed4ee5b1063d5007',
  ].join(''),
]);

function row(
  section: string,
  maxTableBytes: number,
  meanings: readonly Omit<Example, 'hex'>[],
  blocks: readonly string[],
): ExampleRow {
  const examples = meanings.map((meaning, index) => ({ ...meaning, hex: blocks[index] ?? '' }));
  return { section, maxTableBytes, examples };
}
