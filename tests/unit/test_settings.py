"""Where settings come from."""

from worker.settings import Settings


def test_a_setting_may_be_a_file_of_secrets_and_the_environment_goes_first(tmp_path, monkeypatch):
    (tmp_path / "broker_url").write_text("redis://:from-a-file@localhost/0\n")
    (tmp_path / "db_password").write_text("from-a-file")
    monkeypatch.setenv("DB_PASSWORD", "from-the-environment")
    monkeypatch.setenv("DB_HOST", "db.example.com")
    settings = Settings(_secrets_dir=tmp_path)
    assert settings.broker() == "redis://:from-a-file@localhost/0"
    assert "from-the-environment" in settings.database()
    assert "from-a-file" not in repr(settings)
