/*
 * Words of systemd and Quadlet that sup knows but does not do, so that a copied unit gets a warning that
 * helps and not an error. Each row: what to use instead ("" where there is nothing), then the words.
 */
#include "supervisor/core/keys/known.h"
#include "common/util.h"
#include "supervisor/core/keys/keys.h"
#include "supervisor/core/text.h"

#include <string.h>

const struct known known_keys[] = {
	{ "Unit", "", "JobTimeoutRebootArgument" },
	{ "Unit", "use Network=NAME.container", "JoinsNamespaceOf" },
	{ "Unit", "use StartLimitIntervalSec=", "StartLimitInterval" },
	{ "Unit", "use ConditionPathExists= or an ExecStartPre= in [Service]",
		"ConditionPathIsEncrypted ConditionCredential ConditionNeedsUpdate ConditionVersion "
		"ConditionKernelModuleLoaded AssertPathIsEncrypted AssertCredential "
		"AssertNeedsUpdate AssertVersion AssertKernelModuleLoaded" },
	{ "Unit", "",
		"SurviveFinalKillSignal CollectMode AllowIsolate IgnoreOnIsolate OnFailureJobMode "
		"OnSuccessJobMode RebootArgument SourcePath DebugInvocation" },

	{ "Service", "run the program in the foreground, with Type=simple or Type=notify",
		"PIDFile GuessMainPID" },
	{ "Service", "use StartLimitIntervalSec=, StartLimitBurst= and StartLimitAction= in [Unit]",
		"StartLimitInterval StartLimitIntervalSec StartLimitBurst StartLimitAction "
		"FailureAction" },
	{ "Service", "use MemoryMax= or MemoryHigh=", "MemoryLimit" },
	{ "Service", "use CPUWeight=", "CPUShares StartupCPUShares StartupCPUWeight" },
	{ "Service", "use IOWeight=, IOReadBandwidthMax= and IOWriteBandwidthMax=",
		"BlockIOWeight StartupBlockIOWeight BlockIODeviceWeight BlockIOReadBandwidth "
		"BlockIOWriteBandwidth IODeviceWeight IODeviceLatencyTargetSec StartupIOWeight" },
	{ "Service", "use AllowedCPUs=",
		"CPUAffinity NUMAPolicy NUMAMask StartupAllowedCPUs StartupAllowedMemoryNodes" },
	{ "Service", "use MemoryMin= and MemoryLow=",
		"DefaultMemoryMin DefaultMemoryLow DefaultStartupMemoryLow StartupMemoryLow" },
	{ "Service", "use MemoryMax=, MemoryHigh= and MemorySwapMax=",
		"MemoryZSwapMax MemoryZSwapWriteback StartupMemoryHigh StartupMemoryMax "
		"StartupMemorySwapMax StartupMemoryZSwapMax" },
	{ "Service", "a .container has a root and namespaces of its own",
		"RootDirectory RootImage RootImageOptions RootImagePolicy RootEphemeral RootHash "
		"RootHashSignature RootVerity RootDirectoryStartOnly MountAPIVFS ProtectProc "
		"ProcSubset PrivateUsers PrivatePIDs NetworkNamespacePath IPCNamespacePath "
		"BindLogSockets" },
	{ "Service", "use LandlockRead= and LandlockWrite=", "ExecPaths NoExecPaths" },
	{ "Service",
		"use BindPaths=", "MountImages ExtensionImages ExtensionDirectories MountFlags" },
	{ "Service", "a .container has AddCapability=, DropCapability= and NoNewPrivileges=",
		"SecureBits RestrictFileSystems KeyringMode Personality" },
	{ "Service",
		"use User= and Group=", "DynamicUser SupplementaryGroups SetLoginEnvironment" },
	{ "Service", "use Environment=", "PassEnvironment UnsetEnvironment" },
	{ "Service", "make it with ExecStartPre=",
		"RuntimeDirectory StateDirectory CacheDirectory LogsDirectory "
		"ConfigurationDirectory RuntimeDirectoryMode StateDirectoryMode CacheDirectoryMode "
		"LogsDirectoryMode ConfigurationDirectoryMode RuntimeDirectoryPreserve "
		"TimeoutCleanSec UMask" },
	{ "Service", "use LoadCredential=",
		"LoadCredentialEncrypted ImportCredential SetCredentialEncrypted" },
	{ "Service", "every unit has a log of its own, see supctl logs",
		"LogLevelMax LogExtraFields LogFilterPatterns LogNamespace SyslogIdentifier SyslogFacility SyslogLevel "
		"SyslogLevelPrefix" },
	{ "Service", "",
		"BusName USBFunctionDescriptors USBFunctionStrings "
		"FileDescriptorStoreMax "
		"FileDescriptorStorePreserve OpenFile PermissionsStartOnly Slice Delegate "
		"DelegateSubgroup DisableControllers ManagedOOMSwap ManagedOOMMemoryPressure "
		"ManagedOOMMemoryPressureLimit ManagedOOMMemoryPressureDurationSec "
		"ManagedOOMPreference MemoryPressureWatch MemoryPressureThresholdSec "
		"CPUAccounting MemoryAccounting TasksAccounting IOAccounting IPAccounting "
		"BlockIOAccounting IPAddressAllow IPAddressDeny IPIngressFilterPath "
		"IPEgressFilterPath BPFProgram SocketBindAllow SocketBindDeny "
		"RestrictNetworkInterfaces NFTSet CoredumpReceive CoredumpFilter TimerSlackNSec "
		"CPUSchedulingPolicy CPUSchedulingPriority CPUSchedulingResetOnFork "
		"IOSchedulingClass IOSchedulingPriority IgnoreSIGPIPE MemoryKSM PAMName TTYReset "
		"TTYVHangup TTYVTDisallocate TTYRows TTYColumns StandardInputText "
		"StandardInputData UtmpIdentifier UtmpMode SELinuxContext AppArmorProfile "
		"SmackProcessLabel" },

	{ "Container", "use Memory= or the keys of [Service]", "CgroupsMode" },
	{ "Container", "use Network=", "ExposeHostPort" },
	{ "Container", "use DNS=", "DNSOption DNSSearch" },
	{ "Container", "use User= and Group=", "GroupAdd" },
	{ "Container", "use Environment=", "EnvironmentHost HttpProxy" },
	{ "Container", "a start takes only images that are on the device already",
		"Pull Retry RetryDelay AutoUpdate" },
	{ "Container", "every unit has a log of its own, see supctl logs", "LogDriver LogOpt" },
	{ "Container", "use the key that does what the option does",
		"PodmanArgs GlobalArgs ContainersConfModule" },
	{ "Container", "supctl status shows the last line that a failed check wrote",
		"HealthLogDestination HealthMaxLogCount HealthMaxLogSize" },
	{ "Container", "use Network=NAME.container and PartOf= in [Unit]", "Pod StartWithPod" },
	{ "Container", "use Tmpfs= with ReadOnly=yes", "VolatileTmp" },
	{ "Container", "use UIDMap= and GIDMap=", "SubGIDMap SubUIDMap" },
	{ "Container", "",
		"Annotation AppArmor "
		"SecurityLabelDisable SecurityLabelFileType SecurityLabelLevel SecurityLabelNested "
		"SecurityLabelType ServiceName RemapGid RemapUid RemapUidSize RemapUsers" },

	{ "Network", "the name of the file is the name of the network", "NetworkName ServiceName" },
	{ "Network", "its addresses are of its subnet", "IPAMDriver" },
	{ "Network", "",
		"ContainersConfModule GlobalArgs Label NetworkDeleteOnStop "
		"PodmanArgs" },
	{ "Volume", "the name of the file is the name of the volume", "VolumeName ServiceName" },
	{ "Volume", "use Device= and Type=", "Driver Image" },
	{ "Volume", "use copy or nocopy in Volume= of the container", "Copy" },
	{ "Volume", "", "ContainersConfModule GlobalArgs Label PodmanArgs" },
	{ "Manager", "use supctl logs; the kernel's command line has sup.log",
		"LogLevel LogTarget LogColor LogLocation LogTime DefaultStandardOutput "
		"DefaultStandardError" },
	{ "Manager",
		"use RuntimeWatchdogSec=", "RuntimeWatchdogPreSec RuntimeWatchdogPreGovernor" },
	{ "Manager", "use RebootWatchdogSec=", "ShutdownWatchdogSec KExecWatchdogSec" },
	{ "Manager", "use DefaultStartLimitIntervalSec=", "DefaultStartLimitInterval" },
	{ "Manager", "use DefaultTimeoutStopSec=", "DefaultTimeoutAbortSec" },
	{ "Manager", "use Environment= in the units", "DefaultEnvironment ManagerEnvironment" },
	{ "Manager", "use the key without Default in the units",
		"DefaultOOMPolicy DefaultOOMScoreAdjust DefaultLimitCPU DefaultLimitFSIZE "
		"DefaultLimitDATA DefaultLimitSTACK DefaultLimitCORE DefaultLimitRSS "
		"DefaultLimitNOFILE DefaultLimitAS DefaultLimitNPROC DefaultLimitMEMLOCK "
		"DefaultLimitLOCKS DefaultLimitSIGPENDING DefaultLimitMSGQUEUE DefaultLimitNICE "
		"DefaultLimitRTPRIO DefaultLimitRTTIME" },
	{ "Manager", "the kernel's command line has sup.rescue and sup.reboot-delay",
		"CrashShell CrashReboot CrashAction CrashChangeVT DumpCore" },
	{ "Manager", "",
		"ConfirmSpawn StatusUnitFormat CPUAffinity NUMAPolicy NUMAMask "
		"CapabilityBoundingSet NoNewPrivileges ProtectSystem SystemCallArchitectures "
		"TimerSlackNSec DefaultTimerAccuracySec DefaultDeviceTimeoutSec "
		"DefaultCPUAccounting DefaultMemoryAccounting DefaultTasksAccounting "
		"DefaultIOAccounting DefaultIPAccounting DefaultBlockIOAccounting "
		"DefaultSmackProcessLabel DefaultMemoryPressureWatch "
		"DefaultMemoryPressureThresholdSec DefaultRestrictSUIDSGID ReloadLimitIntervalSec "
		"ReloadLimitBurst JoinControllers EventLoopRateLimitIntervalSec "
		"EventLoopRateLimitBurst" },
	{ "Manager", "use RebootMinUptimeSec=", "MinimumUptimeSec" },
	{ "Timer", "the machine must be awake when it elapses", "WakeSystem" },
	{ "Timer", "", "DeferReactivation" },
	{ "Socket", "the service accepts its connections itself and has its own limit",
		"MaxConnections MaxConnectionsPerSource" },
	{ "Socket", "use TriggerLimitIntervalSec= and TriggerLimitBurst=",
		"PollLimitIntervalSec PollLimitBurst" },
	{ "Socket", "use commands of the service, or of a Type=oneshot service before the socket",
		"ExecStartPre ExecStartPost ExecStopPre ExecStopPost TimeoutSec" },
	{ "Socket", "the service can set it on the descriptor",
		"KeepAliveTimeSec KeepAliveIntervalSec KeepAliveProbes DeferAcceptSec Priority "
		"ReceiveBuffer SendBuffer IPTOS IPTTL Mark TCPCongestion Broadcast Transparent "
		"PassSecurity PassPacketInfo PassPIDFD PassFDs PassRights AcceptFileDescriptors "
		"Timestamping PipeSize PassFileDescriptorsToExec" },
	{ "Socket", "",
		"Writable SocketProtocol SmackLabel SmackLabelIPIn SmackLabelIPOut "
		"SELinuxContextFromNet MessageQueueMaxMessages MessageQueueMessageSize "
		"DeferTrigger DeferTriggerMaxSec" },
	{ "Mount", "options that are not known go to the file system, which judges them",
		"SloppyOptions" },
};

const size_t n_known_keys = ARRAY_LEN(known_keys);

const struct known refused_words[] = {
	{ "Unit", "the root file system of an appliance is started with its kernel; use reboot",
		"StartLimitAction=soft-reboot StartLimitAction=soft-reboot-force "
		"FailureAction=soft-reboot FailureAction=soft-reboot-force "
		"SuccessAction=soft-reboot SuccessAction=soft-reboot-force" },
	{ "Service", "run the program in the foreground, with Type=exec or Type=notify",
		"Type=forking" },
	{ "Service", "there is no D-Bus that says when it is ready; use Type=notify", "Type=dbus" },
	{ "Service", "use journal: every unit has a log of its own, see supctl logs",
		"StandardOutput=kmsg StandardOutput=kmsg+console StandardOutput=syslog "
		"StandardOutput=syslog+console StandardError=kmsg StandardError=kmsg+console "
		"StandardError=syslog StandardError=syslog+console" },
	{ "Service", "a connection is taken by the program itself; use journal",
		"StandardOutput=socket StandardError=socket StandardInput=socket" },
	{ "Socket", "use ListenStream= or ListenDatagram=",
		"ListenSpecial ListenNetlink ListenMessageQueue ListenUSBFunction" },
	{ "Socket",
		"a process for each connection is not done here; with Accept=no the service gets the "
		"listening socket (sd_listen_fds(3)) and accepts itself",
		"Accept=yes" },
};

const size_t n_refused_words = ARRAY_LEN(refused_words);

const struct known known_sections[] = {
	{ NULL, "", "Quadlet Automount Swap Path Slice Scope" },
	{ NULL, "use .container units that share a network by Network=NAME.container", "Pod Kube" },
	{ NULL, "make images with rootfs/mkimage", "Image Build Artifact" },
	{ NULL, "use [Container]", "Exec Files" },
	{ NULL, "it belongs into /etc/sup/sup.conf", "Manager" },
};

const size_t n_known_sections = ARRAY_LEN(known_sections);

/*
 * What systemd reaches by itself on the way up. A unit that orders itself behind one of these or asks for it
 * has it by the time it starts.
 */
static const char reached_targets[] =
	"basic.target cryptsetup.target getty.target graphical.target local-fs.target "
	"local-fs-pre.target machines.target network.target network-online.target "
	"network-pre.target nss-lookup.target nss-user-lookup.target paths.target "
	"remote-fs.target remote-fs-pre.target slices.target sockets.target swap.target "
	"sysinit.target time-set.target time-sync.target timers.target veritysetup.target";

/* ... and on the way down. */
static const char end_targets[] = "shutdown.target umount.target final.target";

static bool has_word(const char *words, const char *word)
{
	size_t len = strlen(word);

	for (const char *p = words; (p = strstr(p, word)) != NULL; p += len)
		if ((p == words || p[-1] == ' ') && (p[len] == ' ' || p[len] == '\0'))
			return len > 0;
	return false;
}

const char *key_known_elsewhere(const char *section, const char *name)
{
	for (size_t i = 0; i < n_known_keys; i++)
		if (strcmp(known_keys[i].section, section) == 0 &&
			has_word(known_keys[i].words, name))
			return known_keys[i].instead;
	return NULL;
}

const char *word_refused(const char *section, const char *name, const char *value)
{
	char pair[128];
	struct text t = { pair, sizeof(pair), 0 };

	text_printf(&t, "%s=%s", name, value);
	for (size_t i = 0; i < n_refused_words; i++)
		if (strcmp(refused_words[i].section, section) == 0 &&
			(has_word(refused_words[i].words, name) ||
				has_word(refused_words[i].words, pair)))
			return refused_words[i].instead;
	return NULL;
}

const char *section_known_elsewhere(const char *section)
{
	for (size_t i = 0; i < n_known_sections; i++)
		if (has_word(known_sections[i].words, section))
			return known_sections[i].instead;
	return NULL;
}

bool target_is_always_reached(const char *name)
{
	return has_word(reached_targets, name) || has_word(end_targets, name);
}

bool target_is_reached_at_boot(const char *name)
{
	return has_word(reached_targets, name);
}
