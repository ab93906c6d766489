/* `params backlog=17 port=5001 payload=hi`: all of a line holds, or nothing of it. */
#include "menu.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VERB "params"
/* Programs that MenuOS starts (menu32) find the same values here. */
#define ENVIRONMENT "MENUOS_PARAMETERS"
#define U16_MAX 65535LL
#define S32_MAX 2147483647LL
#define S32_DIGITS_MAX 10
/* The last system call that either table has. */
#define CALL_NUMBER_MAX 511
#define WORD "abcdefghijklmnopqrstuvwxyz0123456789"

static bool number(const char *text, long long lowest, long long highest, int *value)
{
	size_t digits = strspn(text, "0123456789");
	if (digits == 0 || digits > S32_DIGITS_MAX || text[digits] != '\0')
		return false;
	long long parsed = strtoll(text, NULL, 10);
	if (parsed < lowest || parsed > highest)
		return false;
	*value = (int)parsed;
	return true;
}

static bool word(const char *text, const char *alphabet, char *value, size_t most)
{
	size_t length = strspn(text, alphabet);
	if (length == 0 || length > most || text[length] != '\0')
		return false;
	strcpy(value, text);
	return true;
}

static const char *assign_call(struct parameters *next, const char *key, const char *value)
{
	static const char *const arguments[CALL_ARGUMENTS] = { "arg1", "arg2", "arg3" };

	for (int i = 0; i < CALL_ARGUMENTS; i++)
		if (strcmp(key, arguments[i]) == 0)
			return number(value, 0, S32_MAX, &next->arguments[i]) ? NULL : "arguments must be 0..2147483647";
	if (strncmp(key, "number", 6) == 0 || strncmp(key, "call", 4) == 0) {
		bool is_number = key[0] == 'n';
		const char *which = key + (is_number ? 6 : 4);
		if (*which != '\0' && strcmp(which, "32") != 0)
			return NULL;
		struct call *call = *which == '\0' ? &next->call : &next->call32;
		if (is_number)
			return number(value, 0, CALL_NUMBER_MAX, &call->number) ? NULL : "a call's number must be 0..511";
		return word(value, WORD "_", call->name, CALL_NAME_BYTES_MAX) ? NULL : "a call's name must be 1 to 32 of a-z 0-9 _";
	}
	return NULL; /* a newer host may know more keys than this program */
}

static const char *assign(struct parameters *next, const char *key, const char *value)
{
	if (strcmp(key, "backlog") == 0)
		return number(value, 0, U16_MAX, &next->backlog) ? NULL : "backlog must be 0..65535";
	if (strcmp(key, "port") == 0)
		return number(value, 1, U16_MAX, &next->port) ? NULL : "port must be 1..65535";
	if (strcmp(key, "payload") == 0)
		return word(value, WORD, next->payload, PAYLOAD_BYTES_MAX) ? NULL : "payload must be 1 to 32 of a-z 0-9";
	return assign_call(next, key, value);
}

/* NULL when applied, else the reason why not. */
const char *parameters_apply(struct parameters *parameters, const char *text)
{
	char copy[PARAMETER_LINE_BYTES_MAX + 1];
	struct parameters next = *parameters;
	char *rest = NULL;

	if (strlen(text) > PARAMETER_LINE_BYTES_MAX)
		return "line longer than 256 bytes";
	strcpy(copy, text);
	char *word = strtok_r(copy, " \r", &rest);
	if (word == NULL || strcmp(word, VERB) != 0)
		return "expected: params key=value ...";
	while ((word = strtok_r(NULL, " \r", &rest)) != NULL) {
		char *equals = strchr(word, '=');
		if (equals == NULL || equals == word)
			return "expected: params key=value ...";
		*equals = '\0';
		const char *why = assign(&next, word, equals + 1);
		if (why != NULL)
			return why;
	}
	*parameters = next;
	return NULL;
}

void parameters_export(const struct parameters *parameters)
{
	char text[PARAMETER_LINE_BYTES_MAX + 1];

	snprintf(text, sizeof text, VERB " backlog=%d port=%d payload=%s number=%d call=%s number32=%d call32=%s"
		 " arg1=%d arg2=%d arg3=%d", parameters->backlog, parameters->port, parameters->payload,
		 parameters->call.number, parameters->call.name, parameters->call32.number, parameters->call32.name,
		 parameters->arguments[0], parameters->arguments[1], parameters->arguments[2]);
	setenv(ENVIRONMENT, text, 1);
}

void parameters_import(struct parameters *parameters)
{
	const char *text = getenv(ENVIRONMENT);

	if (text != NULL)
		parameters_apply(parameters, text);
}
