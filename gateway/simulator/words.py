"""Words that are one token of o200k_base each, alone and after a space, so that tokens = words (tested)."""

from __future__ import annotations

WORDS: tuple[str, ...] = tuple(
    """
    road river bridge ticket station market garden window table paper letter number answer question reason money
    price budget account balance report model token router gateway server engine signal light water stone metal
    glass wood field forest storm summer winter spring night today week month year hour minute second first last
    next small large quick slow cheap clear simple steady quiet bright early late open closed ready fair just true
    whole single double half many few some every other same different local global public private common rare new
    old young strong weak warm cold travel carry bring send take give keep hold move turn start stop begin end close
    read write count measure compare choose plan build make use find show tell ask learn teach think know see hear
    feel help work play rest walk run drive fly before after during while until since between among under over along
    around through within without above below and or but so because when where which that this these those there
    here then now again always often never perhaps almost only the a an of in on at by for from with about into onto
    upon per via like than as if not no yes it they we you he she people person city town house street school office
    company team group family friend child teacher driver pilot worker writer reader order change result value cost
    saving trip route fare map line point side part place way path door key box bag book page
    """.split()  # noqa: SIM905 - a list of 250 literals would be 250 lines
)
