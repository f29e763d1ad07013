<?php
/**
 * The cost of a prompt before it is sent.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Ai;

defined( 'ABSPATH' ) || exit;

/**
 * Counts what is known before a provider is called: the length of the prompt and the largest output.
 */
final class Estimate {

	/** Characters of a token, low so that the estimate is high. */
	private const CHARACTERS = 3;

	/** Tokens of an attached file. */
	private const FILE_TOKENS = 1500;

	/** @var int Input tokens of the model. */
	public $input;

	/** @var int Largest output of one candidate. */
	public $output;

	/** @var int */
	public $candidates;

	/** @var bool Whether the model writes text, which is priced by length. */
	public $is_text;

	/**
	 * @param object $event          The event before a prompt.
	 * @param int    $default_output The output where the caller sets no largest one.
	 */
	public static function of( object $event, int $default_output ): self {
		$config               = $event->getModel()->getConfig();
		$capability           = (string) $event->getCapability();
		$estimate             = new self();
		$estimate->is_text    = '' === $capability || Rates::TEXT === $capability;
		$estimate->candidates = max( 1, (int) $config->getCandidateCount() );
		$estimate->output     = (int) $config->getMaxTokens() > 0 ? (int) $config->getMaxTokens() : $default_output;
		$estimate->input      = self::input( (array) $event->getMessages(), (string) $config->getSystemInstruction() );
		return $estimate;
	}

	/**
	 * @param object[] $messages The messages of the prompt.
	 */
	private static function input( array $messages, string $instruction ): int {
		$characters = strlen( $instruction );
		$files      = 0;
		foreach ( $messages as $message ) {
			foreach ( $message->getParts() as $part ) {
				$characters += strlen( (string) $part->getText() );
				$files      += $part->getFile() ? 1 : 0;
			}
		}
		return (int) ceil( $characters / self::CHARACTERS ) + $files * self::FILE_TOKENS;
	}
}
