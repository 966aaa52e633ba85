/** `control.<kind>.<id>.<verb>` and its payload, checked. Pure. */
import { unescapeToken } from '../../runtime/bus/subjects.ts';
import { checkValue } from '../../runtime/config/check.ts';
import { messageOf } from '../../runtime/errors.ts';
import { Refusal, unknownName } from './refusal.ts';
import type { ControlKind, Verb } from './verbs.ts';
import { controlKinds, isControlKind, verbNames, verbOf } from './verbs.ts';

export interface ControlRequest {
  readonly kind: ControlKind;
  readonly id: string;
  readonly name: string;
  readonly verb: Verb;
}

/** Kinds whose service another program serves. */
const ELSEWHERE: readonly string[] = ['bridge'];
/** Far more than any payload that is allowed. */
const MOST_BYTES = 16 * 1024;
const FORM = 'control.<kind>.<id>.<verb>';

/** Whether this process has to say something about the kind at all. */
export const isElsewhere = (subject: string): boolean => ELSEWHERE.includes(subject.split('.')[1] ?? '');

/** Throws Refusal. */
export function readSubject(subject: string): ControlRequest {
  const [, kindToken = '', idToken = '', name = '', ...more] = subject.split('.');
  const kind = nameOf(kindToken, 'kind');
  if (!isControlKind(kind)) {
    const all = [...controlKinds, ...ELSEWHERE];
    throw new Refusal('CONTROL_KIND', 'kind', `kind: ${unknownName('kind of actor', kind, all)}; want ${FORM}`);
  }
  const verbs = verbNames(kind);
  if (idToken === '') throw new Refusal('CONTROL_ID', 'id', `id: missing; want ${FORM}`);
  const id = nameOf(idToken, 'id');
  if (name === '' || more.length > 0) {
    const what = name === '' ? 'missing' : `found ${JSON.stringify([name, ...more].join('.'))}`;
    const dots = more.length === 0 ? '' : `; a dot in an id is written =2E`;
    const message = `verb: ${what}; allowed: ${verbs.join(', ')}; want ${FORM}${dots}`;
    throw new Refusal('CONTROL_VERB', 'verb', message);
  }
  const verb = verbOf(kind, name);
  if (verb === undefined) {
    throw new Refusal('CONTROL_VERB', 'verb', `verb: ${unknownName(`verb of a ${kind}`, name, verbs)}`);
  }
  return { kind, id, name, verb };
}

function nameOf(token: string, field: 'kind' | 'id'): string {
  try {
    return unescapeToken(token);
  } catch (error) {
    const code = field === 'kind' ? 'CONTROL_KIND' : 'CONTROL_ID';
    throw new Refusal(code, field, `${field}: ${messageOf(error)}; allowed: letters, digits, - and _, others as =XX`);
  }
}

/** The payload with its defaults. Throws Refusal. */
export function readPayload({ verb, name }: ControlRequest, data: Uint8Array): Record<string, unknown> {
  const refuse = (why: string): never => {
    throw new Refusal('CONTROL_PAYLOAD', 'payload', `${why}; ${name} takes ${verb.takes}`);
  };
  if (data.length > MOST_BYTES) refuse(`payload: ${data.length} bytes; allowed: at most ${MOST_BYTES} bytes`);
  let value: unknown = {};
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(data).trim();
    if (text !== '') value = JSON.parse(text);
  } catch (error) {
    refuse(`payload: ${error instanceof SyntaxError ? `not JSON: ${error.message}` : 'not UTF-8 text'}`);
  }
  const checked = checkValue(verb.payload, value, 'payload');
  return 'value' in checked ? checked.value : refuse(checked.faults.join('; '));
}
