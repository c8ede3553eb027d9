/**
 * The officer's page: sends a check and shows the answer in words.
 *
 * The token lives in sessionStorage, the document nowhere: it goes into the body of one request and
 * is never kept. An answer stands only beside the document that it is about: the first change of
 * the form takes it away, also one that is still on its way. Everything from outside is set as text.
 */

const TOKEN_KEY = 'sltd-token';
const TIMEOUT_MS = 15_000;
/** How often a page that is left open looks at the state of the list. */
const LIST_STATE_MS = 30_000;
/** Characters of a whole zone (ICAO Doc 9303-4 to -7): after them Enter asks. */
const ZONE_LENGTHS = [2 * 36, 2 * 44, 3 * 30];

const STATUS_WORDS = {
  clear: ['Not reported', 'Not reported as stolen or lost. Nothing else was checked.'],
  hit: ['Reported', 'Verify with the National Central Bureau of the issuing state.'],
  candidate: ['Perhaps reported', 'Not confirmed yet. Take the traveler to a second check.'],
  unknown: ['No decision', 'This is not an all-clear. Follow the procedure for a system outage.'],
  invalid: ['Cannot be checked', 'Read the document again.'],
};

/** Where the traveller is not to learn of it: the page may be seen from before the desk. */
const DISCREET_WORDS = [
  'One more step',
  'Carry on as usual and say nothing of this to the traveller.',
  'Call the National Central Bureau from where nobody hears it, before you let the traveller go on.',
];

const REFUSED_WORDS = {
  unauthenticated: 'The access token is not accepted. It may have expired: enter a new one.',
  forbidden: 'The access token does not allow checks. Enter one that does.',
};

const ADVICE_WORDS = {
  're-read': 'Read the document again, character by character.',
  'second-check': 'Take the traveller to a second check.',
};

const COVERAGE_WORDS = {
  reports: 'yes',
  partial: 'in part',
  'does-not-report': 'no',
  restricted: 'not to your state',
};

const form = document.getElementById('check');
const answer = document.getElementById('answer');
const field = (name) => form.elements.namedItem(name);
/** The request on its way, if any. */
let running;

field('token').value = sessionStorage.getItem(TOKEN_KEY) ?? '';
field('token').addEventListener('change', () => {
  sessionStorage.setItem(TOKEN_KEY, field('token').value.trim());
});
form.addEventListener('change', showParts);
form.addEventListener('input', () => {
  running?.abort();
  running = undefined;
  answer.replaceChildren();
  answer.className = '';
});
form.addEventListener('submit', (event) => {
  event.preventDefault();
  if (!running) check();
});
field('mrz').addEventListener('keydown', (event) => {
  const isWhole = ZONE_LENGTHS.includes(field('mrz').value.replace(/\s/g, '').length);
  if (event.key !== 'Enter' || event.shiftKey || !(isWhole || event.ctrlKey)) return;
  event.preventDefault();
  form.requestSubmit();
});
showParts();
setInterval(refreshListState, LIST_STATE_MS);
document.addEventListener('visibilitychange', refreshListState);

function showParts() {
  for (const part of form.querySelectorAll('[data-by]')) {
    part.hidden = part.dataset.by !== field('by').value;
  }
}

function check() {
  const isMrz = field('by').value === 'mrz';
  const missing = (isMrz ? ['mrz'] : ['number', 'issuingState']).concat('token').find(isEmpty);
  for (const name of ['mrz', 'number', 'issuingState', 'token']) {
    field(name).setAttribute('aria-invalid', String(name === missing));
  }
  if (missing) {
    const label = form.querySelector(`label[for="${field(missing).id}"]`).textContent;
    show('invalid', 'Something is missing', [`Please fill in: ${label}.`]);
    field(missing).focus();
    return;
  }
  const documentFields = isMrz
    ? { mrz: field('mrz').value }
    : {
        number: field('number').value,
        issuingState: field('issuingState').value,
        ...(field('documentClass').value ? { documentClass: field('documentClass').value } : {}),
      };
  ask('/v1/checks', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ ...documentFields, purpose: 'border-check' }),
  });
}

const isEmpty = (name) => field(name).value.trim() === '';

async function ask(path, request) {
  const own = new AbortController();
  running = own;
  show('unknown', 'Checking …', []);
  const answered = await fetch(path, {
    ...request,
    headers: { ...request.headers, authorization: `Bearer ${field('token').value.trim()}` },
    signal: AbortSignal.any([own.signal, AbortSignal.timeout(TIMEOUT_MS)]),
    cache: 'no-store',
  })
    .then((response) => response.json())
    .catch(() => undefined);
  // The form has changed meanwhile: this would stand beside another document.
  if (running !== own) return;
  running = undefined;
  if (answered) showAnswer(answered);
  else {
    show('unknown', 'No answer', [
      'The service could not be reached. This is not an all-clear.',
      'Check the connection and ask again.',
    ]);
  }
}

function showAnswer(body) {
  const refused = REFUSED_WORDS[body.code];
  if (refused) {
    show('unknown', 'Not checked', [refused]);
    field('token').setAttribute('aria-invalid', 'true');
    field('token').focus();
    return;
  }
  const shown = { facts: factsOf(body), isTraining: body.training === true };
  if (body.handling === 'discreet') {
    const [title, ...lines] = DISCREET_WORDS;
    show('discreet', title, lines, shown);
    if (body.checkId) addAskAgain(body.checkId);
    return;
  }
  const list = decisiveList(body);
  const [title, meaning] = STATUS_WORDS[body.status] ?? STATUS_WORDS.unknown;
  const lines = [meaning];
  if (body.title) lines.unshift(body.title);
  const advice = ADVICE_WORDS[body.advice];
  if (advice && !lines.some((line) => line.includes('again') || line.includes('second check'))) {
    lines.push(advice);
  }
  if (body.match?.spelling === 'look-alike') {
    lines.push('A spelling that is easily misread for it is on the list, not this one.');
  }
  if (body.match?.spelling === 'other-reading') {
    lines.push('Another way to read this number or its issuer is on the list: compare them.');
  }
  if (list?.freshness === 'stale') lines.push('There may be a newer edition of the list.');
  if (body.status === 'clear' && list?.coverage === 'does-not-report') {
    const nothing = 'This state reports nothing: there is nothing to compare the document with.';
    show('unknown', 'No reports from this state', [nothing], shown);
  } else {
    show(body.status, title, lines, shown);
  }
  if (body.cards) addCards(body.cards);
  if (body.checkId) addAskAgain(body.checkId);
  // The next reading then takes the place of this one.
  if (document.activeElement === field('mrz') && body.status !== 'invalid') field('mrz').select();
}

/** The list that decided: with one alone it has no status of its own. */
const decisiveList = ({ status, collections }) =>
  collections?.find((list) => list.status === status) ?? collections?.[0];

function factsOf(body) {
  const { match, collections, mrz } = body;
  const list = decisiveList(body);
  const asked = collections?.length > 1 ? collections : [];
  return [
    ['Matched number', match?.number],
    ['Category', match?.category],
    ['Withdrawal', match?.withdrawalPending ? 'on its way; not confirmed' : undefined],
    ['Record', match?.record?.id],
    ['Notice', match?.record?.noticeColor],
    ['Disputed', match?.record?.challenged ? 'by another bureau; not answered yet' : undefined],
    ['National reference', match?.record?.nationalReference],
    ['National Central Bureau', match?.record?.ncb],
    ['Date of theft', match?.record?.dateOfTheft],
    ['Format', mrz?.format],
    ['Issuing state reports', COVERAGE_WORDS[list?.coverage]],
    ['Reports up to', list?.edition && reportsUpTo(Date.parse(list.asOf))],
    ['Edition', list?.edition && `${list.edition.slice(0, 12)}, sequence ${list.sequence}`],
    ['Edition confirmed', list?.edition && `${ageText(list.ageSeconds)} ago`],
    ...asked.map(({ collection, status }) => [`List ${collection}`, STATUS_WORDS[status]?.[0]]),
  ].filter(([, value]) => value !== undefined);
}

function reportsUpTo(asOf) {
  const minute = new Date(asOf).toISOString().slice(0, 16).replace('T', ' ');
  return `${minute} UTC, ${ageText((Date.now() - asOf) / 1000)} ago`;
}

/** As src/routes/console.ts says it. */
function ageText(ageSeconds) {
  if (ageSeconds < 120) return `${Math.max(0, Math.floor(ageSeconds))} s`;
  if (ageSeconds < 7_200) return `${Math.floor(ageSeconds / 60)} min`;
  if (ageSeconds < 172_800) return `${Math.floor(ageSeconds / 3_600)} h`;
  return `${Math.floor(ageSeconds / 86_400)} days`;
}

function show(status, title, lines, { facts = [], isTraining = false } = {}) {
  const isDiscreet = status === 'discreet';
  answer.className = isDiscreet || status in STATUS_WORDS ? status : 'unknown';
  answer.replaceChildren(
    ...(isTraining ? [trainingMark()] : []),
    element('h2', title),
    ...lines.map((line) => element('p', line)),
    ...(facts.length > 0 ? [isDiscreet ? folded(factList(facts)) : factList(facts)] : []),
  );
  answer.scrollIntoView({ block: 'nearest' });
}

/** Shown only when it is asked for. */
function folded(list) {
  const details = document.createElement('details');
  details.append(element('summary', 'Details'), list);
  return details;
}

/** A page that is left open must not go on saying how fresh the list was in the morning. */
async function refreshListState() {
  if (document.hidden) return;
  const shown = document.getElementById('list-state');
  const page = await fetch('/', { cache: 'no-store', signal: AbortSignal.timeout(TIMEOUT_MS) })
    .then((response) => (response.ok ? response.text() : ''))
    .catch(() => '');
  const fresh = new DOMParser().parseFromString(page, 'text/html').getElementById('list-state');
  if (fresh) shown.replaceWith(fresh);
  else {
    const lost = element('p', 'The service does not answer: no document can be checked now.');
    lost.id = 'list-state';
    lost.className = 'expired';
    shown.replaceWith(lost);
  }
}

function factList(facts) {
  const list = document.createElement('dl');
  for (const [name, value] of facts) {
    const row = document.createElement('div');
    row.append(element('dt', name), element('dd', value));
    list.append(row);
  }
  return list;
}

/** What to look at on such a document: central's page where the answer has a link to it. */
function addCards(cards) {
  const list = document.createElement('ul');
  for (const { titles, href } of cards) {
    const row = document.createElement('li');
    const shown = element(href ? 'a' : 'span', titles.en);
    if (href) Object.assign(shown, { href, target: '_blank', rel: 'noopener noreferrer' });
    row.append(shown);
    list.append(row);
  }
  answer.append(element('h3', 'Quick Check Cards'), list);
}

function addAskAgain(checkId) {
  const again = element('button', 'Ask again');
  again.type = 'button';
  again.addEventListener('click', () => ask(`/v1/checks/${checkId}`, { method: 'GET' }));
  answer.append(again);
}

/** Nobody in the room may take a hit of a training for one. */
function trainingMark() {
  const mark = element('p', 'TRAINING');
  mark.className = 'training';
  return mark;
}

function element(name, text) {
  const made = document.createElement(name);
  made.textContent = text;
  return made;
}
