/* `params backlog=17 port=5001 payload=hi`: all of a line holds, or nothing of it. */
#include "menu.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VERB "params"
/* Programs that MenuOS starts (menu32) find the same values here. */
#define ENVIRONMENT "MENUOS_PARAMETERS"
#define U16_MAX 65535L
#define U16_DIGITS_MAX 5

static bool number(const char *text, long lowest, int *value)
{
	size_t digits = strspn(text, "0123456789");
	if (digits == 0 || digits > U16_DIGITS_MAX || text[digits] != '\0')
		return false;
	long parsed = strtol(text, NULL, 10);
	if (parsed < lowest || parsed > U16_MAX)
		return false;
	*value = (int)parsed;
	return true;
}

static bool payload(const char *text, char *value)
{
	size_t length = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789");
	if (length == 0 || length > PAYLOAD_BYTES_MAX || text[length] != '\0')
		return false;
	strcpy(value, text);
	return true;
}

static const char *assign(struct parameters *next, const char *key, const char *value)
{
	if (strcmp(key, "backlog") == 0)
		return number(value, 0, &next->backlog) ? NULL : "backlog must be 0..65535";
	if (strcmp(key, "port") == 0)
		return number(value, 1, &next->port) ? NULL : "port must be 1..65535";
	if (strcmp(key, "payload") == 0)
		return payload(value, next->payload) ? NULL : "payload must be 1 to 32 of a-z 0-9";
	return NULL; /* a newer host may know more keys than this program */
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

	snprintf(text, sizeof text, VERB " backlog=%d port=%d payload=%s",
		 parameters->backlog, parameters->port, parameters->payload);
	setenv(ENVIRONMENT, text, 1);
}

void parameters_import(struct parameters *parameters)
{
	const char *text = getenv(ENVIRONMENT);

	if (text != NULL)
		parameters_apply(parameters, text);
}
