"""What was asked in a week in which all was turned away is not known."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("workloads", "0008_fair_share"),
    ]

    operations = [
        migrations.AlterField(
            model_name="runpostmortem",
            name="demand_tps",
            field=models.DecimalField(decimal_places=4, max_digits=24, null=True),
        ),
    ]
