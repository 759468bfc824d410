# Everything a person needs to run, test and change Kibali. `make` alone lists it.
PYTHON ?= python3
IN_VENV := .venv/bin/python
.DEFAULT_GOAL := help
.PHONY: help run test check fix lock translations screenshots clean

help:
	@echo "Kibali: what you can ask for"
	@sed -n 's/^\([a-z]*\):.*## \(.*\)$$/  make \1|\2/p' Makefile | while IFS='|' read -r name what; do printf '%-20s %s\n' "$$name" "$$what"; done

run: ## start the portal with demo data at http://127.0.0.1:8000 (PORT=8010, COUNTRY=CG)
	@$(PYTHON) tools/bootstrap.py run
	@exec $(IN_VENV) -m tools.dev

test: ## run every test, browser journeys included (T="tests/unit -k money" for some)
	@$(PYTHON) tools/bootstrap.py test
	@$(IN_VENV) -m tools.run_tests -n 2 --dist worksteal $(T)

check: ## lint, formatting, types, import directions, packs, translations, migrations
	@$(PYTHON) tools/bootstrap.py check
	@$(IN_VENV) -m tools.check

fix: ## repair what ruff can repair and format the code
	@$(PYTHON) tools/bootstrap.py check
	@$(IN_VENV) -m ruff check --fix --quiet .
	@$(IN_VENV) -m ruff format --quiet .

lock: ## make requirements.txt and requirements-dev.txt again from the two .in files
	@$(PYTHON) tools/bootstrap.py check
	@$(IN_VENV) -m tools.lock

translations: ## bring the catalogues up to date with the texts in code and templates
	@$(PYTHON) tools/bootstrap.py check
	@$(IN_VENV) -m tools.translations update

screenshots: ## take the pictures of the README from a running demo (make run)
	@$(PYTHON) tools/bootstrap.py test
	@$(IN_VENV) -m tools.screenshots

clean: ## remove the demo's database, files and logs, and every cache (keeps .venv)
	@if [ -x $(IN_VENV) ]; then $(IN_VENV) -m tools.clean; else rm -rf .local; fi
