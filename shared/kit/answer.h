// SPDX-License-Identifier: MIT
// Short names for rows of tables that say what PostgreSQL builds (FIELDS_OUT): of answers, and, where a member must be there, of
// events. For the api.h and events.c of a service alone.
#pragma once

#include "field.h"

#define TEXT(name_, doc_) FIELD_OUT(name_, FIELD_TEXT, .doc = doc_)
#define MAYBE(name_, doc_) FIELD_OUT(name_, FIELD_TEXT, .nullable = true, .doc = doc_)
#define KES(name_, doc_) FIELD_OUT(name_, FIELD_NUMBER, .doc = doc_)
#define TIME(name_, doc_) FIELD_OUT(name_, FIELD_TEXT, .format = FORMAT_TIME, .nullable = true, .doc = doc_)
#define TIMES FIELD_OUT("created_at", FIELD_TEXT, .format = FORMAT_TIME), FIELD_OUT("updated_at", FIELD_TEXT, .format = FORMAT_TIME)

#define MUST(name_, type_, doc_) FIELD_OUT(name_, type_, .required = true, .doc = doc_)
#define MUST_TEXT(name_, doc_) MUST(name_, FIELD_TEXT, doc_)
#define MUST_TIME(name_, doc_) FIELD_OUT(name_, FIELD_TEXT, .required = true, .format = FORMAT_TIME, .doc = doc_)
#define OR_NULL(name_, doc_) FIELD_OUT(name_, FIELD_TEXT, .required = true, .nullable = true, .doc = doc_)
#define TIME_OR_NULL(name_, doc_) FIELD_OUT(name_, FIELD_TEXT, .required = true, .nullable = true, .format = FORMAT_TIME, .doc = doc_)
#define MUST_TIMES                                                                                 \
    FIELD_OUT("created_at", FIELD_TEXT, .required = true, .format = FORMAT_TIME),                  \
        FIELD_OUT("updated_at", FIELD_TEXT, .required = true, .format = FORMAT_TIME)
