import { calls, type Probe, refuses } from './probe.ts';

/** Bodies that are one field, and how they meet the path and the field mask. */
export const updateProbes: readonly Probe[] = [
  calls(
    'POST',
    '/v1/shapes',
    'takes the body as a field',
    'CreateShape',
    { shape: { id: 's1' } },
    { body: '{"id": "s1"}' },
  ),
  calls('POST', '/v1/shapes', 'takes no body as no field', 'CreateShape', {}),
  calls('POST', '/v1/shapes', 'takes null as no field', 'CreateShape', {}, { body: 'null' }),
  calls('POST', '/v1/shapes', 'takes an empty object as a field', 'CreateShape', { shape: {} }, { body: '{}' }),
  calls('POST', '/v1/note', 'takes a scalar as the body', 'SetNote', { name: 'a' }, { body: '"a"' }),
  calls(
    'POST',
    '/v1/note?version=2',
    'takes a query next to a scalar',
    'SetNote',
    { name: 'a', version: 2 },
    { body: '"a"' },
  ),
  calls(
    'POST',
    '/v1/shapes/import',
    'takes a list as the body',
    'ImportShapes',
    { tags: ['a', 'b'] },
    { body: '["a","b"]' },
  ),
  refuses('POST', '/v1/shapes/import', 'names an item of a list body', ['tags[1]'], { body: '["a", 1]' }),
  refuses('POST', '/v1/shapes', 'names a field of the body with its field', ['shape.nope'], { body: '{"nope": 1}' }),
  refuses('POST', '/v1/shapes', 'names a broken body', ['body'], { body: '{' }),
  refuses('GET', '/v1/shapes/s1', 'refuses a body with GET', ['body'], { body: '{}' }),
  refuses('DELETE', '/v1/shapes/s1', 'refuses a body with DELETE', ['body'], { body: '{}' }),
  calls(
    'POST',
    '/v1/shapes/s1:cancel',
    'adds the path to the body',
    'CancelShape',
    { id: 's1', reason: 'r' },
    { body: '{"reason": "r"}' },
  ),
  calls('POST', '/v1/shapes/s1:cancel', 'takes the path alone', 'CancelShape', { id: 's1' }),
  calls(
    'POST',
    '/v1/shapes/s1:cancel',
    'takes an equal value in the body, so an answer can be sent back',
    'CancelShape',
    { id: 's1' },
    { body: '{"id": "s1"}' },
  ),
  calls(
    'POST',
    '/v1/shapes/s1:cancel',
    'takes null in the body for what the path gives',
    'CancelShape',
    { id: 's1' },
    { body: '{"id": null}' },
  ),
  refuses('POST', '/v1/shapes/s1:cancel', 'refuses another value in the body than in the path', ['id'], {
    body: '{"id": "s2"}',
  }),
  refuses('POST', '/v1/shapes/s1:cancel', 'refuses an empty value in the body instead of the path', ['id'], {
    body: '{"id": ""}',
  }),
  refuses('PATCH', '/v1/shapes/s1', 'refuses another nested value than in the path', ['shape.id'], {
    body: '{"id": "s2"}',
  }),
  patches(
    'sets the mask to the fields of the body',
    '{"displayName": "d", "area": "1"}',
    { displayName: 'd', area: '1' },
    'displayName,area',
  ),
  patches('clears what the body has empty or null', '{"displayName": "", "color": null}', {}, 'displayName,color'),
  patches(
    'goes down to leaves',
    '{"style": {"fill": "f", "border": {"width": 2}}}',
    { style: { fill: 'f', border: { width: 2 } } },
    'style.fill,style.border.width',
  ),
  patches(
    'takes lists, maps and times whole',
    '{"layers": [{"fill": "f"}], "variants": {}, "age": "1s"}',
    { layers: [{ fill: 'f' }], age: '1s' },
    'layers,variants,age',
  ),
  patches('leaves out an object without fields', '{"style": {}, "area": 1}', { style: {}, area: '1' }, 'area'),
  patches(
    'leaves out what only the server sets',
    '{"createTime": "2026-11-28T18:00:00Z", "style": {"computed": "c", "width": 1}}',
    { style: { width: 1, computed: 'c' }, createTime: '2026-11-28T18:00:00Z' },
    'style.width',
  ),
  patches(
    'leaves out the etag and what the path gives',
    '{"id": "s1", "etag": "e", "area": 1}',
    { area: '1', etag: 'e' },
    'area',
  ),
  patches('has an empty mask for an empty body', '{}', {}, ''),
  calls('PATCH', '/v1/shapes/s1', 'has no mask without a body', 'UpdateShape', { shape: { id: 's1' } }),
  calls(
    'PATCH',
    '/v1/shapes/s1?update_mask=color,style.fill',
    'prefers the mask of the query',
    'UpdateShape',
    { shape: { id: 's1', area: '1' }, updateMask: 'color,style.fill' },
    { body: '{"area": 1}' },
  ),
  calls(
    'PUT',
    '/v1/shapes/s1',
    'has no mask with PUT',
    'UpdateShape',
    { shape: { id: 's1', area: '1' } },
    { body: '{"area": 1}' },
  ),
];

function patches(name: string, body: string, shape: object, updateMask: string): Probe {
  const request = { shape: { id: 's1', ...shape }, updateMask } as never;
  return calls('PATCH', '/v1/shapes/s1', name, 'UpdateShape', request, { body });
}
