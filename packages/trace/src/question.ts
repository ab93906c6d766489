/** What `monitor answer` names a question by. */
export const QUESTION = /^[a-z0-9-]{1,32}$/;
